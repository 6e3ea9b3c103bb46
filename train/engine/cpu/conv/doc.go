// Package conv TODO.
package conv
