// Package lab makes runs, and so strings the halves of Lacuna together: shards feed
// a model, the trainer trains it, validation judges it, and files are written of
// all that:
//
//	RUN/config.json, run.json, metrics.jsonl, checkpoints   (packages rundir, checkpoint)
//	RUN/progress.png          curves, made anew while it trains
//	RUN/report.html           all that is known of the run, on one page
//	RUN/test/report.md, report.json, predictions.csv        a validation; also val, train
//	RUN/test/examples/        pictures of samples, with what was predicted
//
// A [Spec] is everything that decides what a run learns besides the data's bytes,
// a [Job] trains it, a [Judge] evaluates its last checkpoint. A run that was stopped
// goes on to the same bits, and the test split is not opened while it trains. The
// commands and package experiment are above it; it knows neither.
package lab
