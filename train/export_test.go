package train

// Apart is how features and their stand-ins are compared.
var Apart = apart
