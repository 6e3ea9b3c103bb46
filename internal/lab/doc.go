// Package lab strings the halves of Lacuna together: shards feed a model, the
// trainer trains it, validation judges it, and files are written of all that:
//
//	RUN/config.json, run.json, metrics.jsonl, checkpoints   (packages rundir, checkpoint)
//	RUN/progress.png          curves, made anew while it trains
//	RUN/report.html           all that is known of the run, on one page
//	RUN/test/report.md, report.json, predictions.csv        a validation; also val, train
//	RUN/test/examples/        pictures of samples, with what was predicted
//	OUT/report.html, report.md, NAME.csv, plots/            experiments
//
// The commands are a layer of flags above it.
package lab
