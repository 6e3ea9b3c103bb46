// Package version holds the version of the programs.
package version

// Version changes only with a release: it stands in every manifest, and equal
// inputs give equal bytes.
const Version = "0.1.0"
