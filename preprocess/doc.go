// Package preprocess turns loaded subjects into the samples that shards store:
// a [Pipeline] of [Stage]s on several goroutines, whose output does not depend
// on how many.
package preprocess
