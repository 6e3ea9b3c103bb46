"""Tells whether Table 2's accuracies differ from those of the PyTorch prototype by
more than chance.

    python bench/prototype.py RUNS/table2a-summary.csv RUNS/table2b-summary.csv

The files are those of `lacuna experiment table2`. Prints, of each cell that the
prototype has, both means, by how many of the prototype's deviations ours is higher,
and Welch's p; then chi-squared of all together, and how often, were all equal, as
many cells would be more than the prototype's own deviation below it (simulated, with
our deviations).
"""

import csv
import sys

import numpy as np
from scipy import stats

ALONE, NONE, MCKD, BOTH = "LowerB", "no distillation", "MCKD", "UpperB"
# Mean, deviation (population) and seeds of expect.md's table, by what is given in the
# test, for how many percent the other was there, and arm.
PROTOTYPE = {
    ("image", "", ALONE): (93.04, 1.07, 10),
    ("image", "5 %", NONE): (92.33, 0.82, 10),
    ("image", "5 %", MCKD): (93.18, 0.84, 10),
    ("image", "10 %", NONE): (92.87, 0.66, 10),
    ("image", "10 %", MCKD): (92.96, 0.87, 10),
    ("image", "20 %", NONE): (92.82, 1.26, 10),
    ("image", "20 %", MCKD): (93.07, 0.90, 10),
    ("audio", "", ALONE): (87.60, 1.48, 5),
    ("audio", "5 %", NONE): (89.51, 0.68, 5),
    ("audio", "5 %", MCKD): (89.02, 0.93, 5),
    ("audio", "10 %", NONE): (89.07, 1.87, 5),
    ("audio", "10 %", MCKD): (88.58, 1.76, 5),
    ("audio", "20 %", NONE): (87.91, 1.98, 5),
    ("audio", "20 %", MCKD): (89.87, 1.15, 5),
    ("image+audio", "", BOTH): (96.59, 0.55, 3),
}
REPEATS = 100_000


def main():
    cells = {}
    for path in sys.argv[1:]:
        for row in csv.DictReader(open(path)):
            key = row["on"], row["setting"], row["arm"]
            if key in PROTOTYPE:
                cells[key] = float(row["mean"]), float(row["sd"]), int(row["n"])
    rng = np.random.default_rng(1)
    chi2, below, chance = 0.0, 0, np.zeros(REPEATS, int)
    for key, (theirs, spread, seeds) in PROTOTYPE.items():
        ours, sd, n = cells[key]
        sample = spread * np.sqrt(seeds / (seeds - 1))
        p = stats.ttest_ind_from_stats(ours, sd, n, theirs, sample, seeds, equal_var=False).pvalue
        chi2 += stats.norm.isf(p / 2) ** 2
        low = ours < theirs - spread
        below += low
        draws = rng.normal(0, sd, (REPEATS, seeds))
        chance += rng.normal(0, sd / np.sqrt(n), REPEATS) < draws.mean(1) - draws.std(1)
        print(f"{' '.join(filter(None, key)):32} {ours:.2f} ({n})  prototype {theirs:.2f} ({seeds})  "
              f"{(ours - theirs) / spread:+.2f} deviations  p {p:.3f}{'  below' if low else ''}")
    mean = np.mean([cells[k][0] - v[0] for k, v in PROTOTYPE.items()])
    print(f"{len(PROTOTYPE)} cells, {mean:+.2f} on average, chi2 {chi2:.1f} (p {stats.chi2.sf(chi2, len(PROTOTYPE)):.2f}); "
          f"{below} below, were all equal {below} or more would be in {(chance >= below).mean():.0%}")


main()
