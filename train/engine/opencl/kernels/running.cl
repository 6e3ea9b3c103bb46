// Running statistics of a normalisation, [C][2].

// running = (1 - momentum) running + momentum (mean, unbiased variance); stats
// has mean and 1/sqrt(var + eps) of count values.
KERNEL void running(global float *running, global const float *stats, float momentum, float eps, float count, int channels) {
	for (int c = GROUP(0) * L + ITEM; c < channels; c += GROUPS(0) * L) {
		float rstd = stats[2 * c + 1];
		float variance = (1 / (rstd * rstd) - eps) * (count / (count - 1));
		running[2 * c] = (1 - momentum) * running[2 * c] + momentum * stats[2 * c];
		running[2 * c + 1] = (1 - momentum) * running[2 * c + 1] + momentum * variance;
	}
}

KERNEL void frozen(global float *stats, global const float *running, float eps, int channels) {
	for (int c = GROUP(0) * L + ITEM; c < channels; c += GROUPS(0) * L) {
		stats[2 * c] = running[2 * c];
		stats[2 * c + 1] = 1 / sqrt(running[2 * c + 1] + eps);
	}
}
