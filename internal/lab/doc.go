// Package lab strings the halves of Lacuna together: shards feed a model, the
// trainer trains it, validation judges it, and files are written of all that.
// The commands are a layer of flags above it.
package lab
