// Package all lists the data sets that lie in the folders beside it. The list
// is made from those folders by
//
//	go generate ./ingest/datasets/all
//
// so a new data set is a new folder, with a package that has a variable Dataset
// in it, and that command.
package all

//go:generate go run gen.go
