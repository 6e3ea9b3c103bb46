// Package rundir keeps the files of a training run that say what it is and how it
// went:
//
//	config.json     the configuration, whatever struct the caller has
//	run.json        an [Info]: program, data set, seeds, when it was started;
//	                written last: without it there is no run
//	metrics.jsonl   one JSON object a line, only ever appended to:
//	                {"step":12,"loss":0.5,"lr":0.001}
//
// Checkpoints go beside them (package checkpoint), and whatever else the caller
// makes. A [Run] holds a lock on the directory, so two processes can't write one
// run, where the system has file locks.
//
// # Metrics
//
// Steps never fall from line to line; several lines may have one step. A value
// that is no number in JSON stands as "NaN", "Infinity" or "-Infinity".
//
// A line reaches the system in one write and is on the disk after [Run.Sync]: a
// process that is killed loses none, a machine that stops loses those since. So
// Sync before a checkpoint is saved, and the checkpoint never knows a step that
// the metrics lack. [Run.Resume] cuts the file behind the checkpoint's step, and
// what a kill left of a last line with it; what was cut is logged again as the
// run goes on.
package rundir
