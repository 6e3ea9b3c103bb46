"""Compares arms of experiments seed by seed: means over combinations, paired t-test.

    python paired.py BASE.csv:ARM OTHER.csv:ARM... [--without MODALITY]

The files are those that `lacuna experiment` writes, NAME.csv, with a row for each
arm, seed, measure and combination. Every other arm is compared with the base,
whichever file it is in; --without leaves out the combinations that have a modality.
"""

import argparse
import collections
import csv
import statistics

from scipy import stats


def means(file_and_arm, without):
    """Of an arm, by measure and seed."""
    path, _, arm = file_and_arm.rpartition(":")
    scores = collections.defaultdict(lambda: collections.defaultdict(list))
    with open(path) as f:
        for row in csv.DictReader(f):
            if row["arm"] == arm and without not in row["combination"].split("+"):
                scores[row["measure"]][int(row["seed"])].append(float(row["percent"]))
    if not scores:
        raise SystemExit(f"{path} has no arm {arm}")
    return {m: {seed: statistics.mean(v) for seed, v in by.items()} for m, by in scores.items()}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("base")
    p.add_argument("others", nargs="+")
    p.add_argument("--without", default="")
    o = p.parse_args()
    base = means(o.base, o.without)
    for measure, by in sorted(base.items()):
        print(f"{measure}: {o.base} {statistics.mean(by.values()):.2f}, {len(by)} seeds")
        for other in o.others:
            v = means(other, o.without)[measure]
            seeds = sorted(v.keys() & by.keys())
            d = [v[s] - by[s] for s in seeds]
            p_t = stats.ttest_rel([v[s] for s in seeds], [by[s] for s in seeds]).pvalue
            print(f"  {other} {statistics.mean(v[s] for s in seeds):.2f} {statistics.mean(d):+.2f} p {p_t:.3f}")


main()
