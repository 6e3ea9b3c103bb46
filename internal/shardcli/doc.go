// Package shardcli gives the functions of shardtool their command line: the
// same in lacuna shards and in the program shards.
package shardcli
