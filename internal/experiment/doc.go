// Package experiment trains the arms of an experiment from several seeds, judges
// every run, and says what came out, beside what was published: the paper's tables
// and figures, and the demo.
//
//	OUT/NAME/ARM-seedN/       a run of package lab, and trial.json, its scores
//	OUT/report.html, report.md, NAME.csv, NAME-summary.csv, plots/NAME-*.svg
//
// A [Bench] runs [Experiment] values and writes these files. Runs that are alike
// are made once, those that are done are kept: the same call goes on where it was
// stopped, and a folder of another configuration is refused. The figures do not
// depend on how many runs there are at once. They are of last checkpoints alone: a
// run's test split is opened once that is there.
package experiment
