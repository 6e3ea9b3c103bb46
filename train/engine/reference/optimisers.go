package reference

import (
	"math"

	"github.com/lacuna-ml/lacuna/train/engine"
)

func (*device) SGD(p, v, g *engine.Tensor, o engine.SGDSpec) {
	check.SGD(p, v, g, o)
	lr, momentum, decay := float64(o.LR), float64(o.Momentum), float64(o.Decay)
	for i := range values(p) {
		grad := at(g, i) + decay*at(p, i)
		velocity := momentum*at(v, i) + grad
		step := velocity
		if o.Nesterov {
			step = grad + momentum*velocity
		}
		values(v)[i] = float32(velocity)
		values(p)[i] = float32(at(p, i) - lr*step)
	}
}

func (*device) Adam(p, m, v, g *engine.Tensor, o engine.AdamSpec) {
	check.Adam(p, m, v, g, o)
	lr, beta1, beta2, decay := float64(o.LR), float64(o.Beta1), float64(o.Beta2), float64(o.Decay)
	step := float64(o.Step)
	for i := range values(p) {
		param, grad := at(p, i), at(g, i)
		if o.Decoupled {
			param -= lr * decay * param
		} else {
			grad += decay * param
		}
		first := beta1*at(m, i) + (1-beta1)*grad
		second := beta2*at(v, i) + (1-beta2)*grad*grad
		values(m)[i], values(v)[i] = float32(first), float32(second)
		values(p)[i] = float32(param - lr/(1-math.Pow(beta1, step))*first/
			(math.Sqrt(second/(1-math.Pow(beta2, step)))+float64(o.Eps)))
	}
}
