// Package lint holds the rules of the tree as tests: which package may import
// which. It has no code of its own.
package lint
