// Package shardtool looks into data sets of shards, as functions that write to
// an io.Writer: [Ls], [Info], [Cat], [Show], [Stats], [Masks] and [Verify]. The
// programs lacuna shards and shards only add flags to them.
//
// Each function takes directories. A directory is a data set, or holds some, at
// most three levels down: then the function goes over all of them in the order
// of their names, under a heading each. As JSON, tables are one array with an
// element a data set, and [Cat] writes a line a row.
//
// One data set that can't be read does not hide the others: the functions go on
// and return all the errors joined. [IsCorrupt] tells errors of the data from
// others.
package shardtool
