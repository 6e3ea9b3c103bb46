package cpu

import (
	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/tensor"
)

// channelRun is what the tasks of a copy of channels share.
type channelRun struct {
	to, from       []float32
	toN, fromN     int // floats of a sample
	y0, x0, count  int // channels
	size           int // voxels, or values of a channel
	plain          bool
	samples, tasks int
}

func (d *device) Channels(y *engine.Tensor, y0 int, x *engine.Tensor, x0, count int) {
	check.Channels(y, y0, x, x0, count)
	k := &d.channels
	*k = channelRun{to: values(y), from: values(x), toN: per(y), fromN: per(x), y0: y0, x0: x0, count: count, samples: x.Shape[0]}
	k.size, k.plain = x.Shape[2:].Len(), y.Layout == tensor.Plain
	k.tasks = min(k.samples, most, 1+len(k.from)/worth)
	d.pool.Run(k, k.tasks)
	*k = channelRun{}
}

func (k *channelRun) Do(task, _ int) {
	lo, hi := cut(k.samples, k.tasks, task)
	for n := lo; n < hi; n++ {
		to, from := k.to[n*k.toN:(n+1)*k.toN], k.from[n*k.fromN:(n+1)*k.fromN]
		if k.plain {
			copy(to[k.y0*k.size:], from[k.x0*k.size:(k.x0+k.count)*k.size])
			continue
		}
		// Channels that share a block in both go together.
		for c := 0; c < k.count; {
			y, x := k.y0+c, k.x0+c
			n := min(lanes-y%lanes, lanes-x%lanes, k.count-c)
			k.strip(to[y/lanes*k.size*lanes:][:k.size*lanes], y%lanes, from[x/lanes*k.size*lanes:][:k.size*lanes], x%lanes, n)
			c += n
		}
	}
}

// strip copies n lanes of every voxel.
func (k *channelRun) strip(to []float32, y int, from []float32, x, n int) {
	switch n {
	case lanes:
		copy(to, from)
	case lanes / 2:
		for v := 0; v < len(to); v += lanes {
			*(*[lanes / 2]float32)(to[v+y:]) = *(*[lanes / 2]float32)(from[v+x:])
		}
	default:
		for v := 0; v < len(to); v += lanes {
			copy(to[v+y:v+y+n], from[v+x:])
		}
	}
}
