// Gorgonia is that library's side of bench/step_peers.py: steps of training of
// the network of train/models/avnet at batch 32, by Adam, without distillation,
// for which there is no stop of the gradient. Its dropout gives a wrong gradient
// (bench/README.md), so that it is only timed.
//
// A line on standard input is a device, cpu, the processors to use, and
// repetitions; the answer is the nanoseconds of each.
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"time"

	_ "go4.org/unsafe/assume-no-moving-gc" // the version that starts with this Go
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

const batch = 32

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "gorgonia:", err)
		os.Exit(1)
	}
}

func run() error {
	n := &net{graph: G.NewGraph()}
	loss, err := n.build()
	if err != nil {
		return err
	}
	if _, err := G.Grad(loss, n.learned...); err != nil {
		return err
	}
	vm := G.NewTapeMachine(n.graph, G.BindDualValues(n.learned...))
	defer vm.Close()
	solver := G.NewAdamSolver(G.WithLearnRate(1e-3), G.WithL2Reg(1e-2))
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		var device string
		var workers, repeat int
		if _, err := fmt.Sscan(in.Text(), &device, &workers, &repeat); err != nil {
			return fmt.Errorf("%q: %w", in.Text(), err)
		}
		runtime.GOMAXPROCS(workers)
		for range repeat {
			start := time.Now()
			if err := vm.RunAll(); err != nil {
				return err
			}
			if err := solver.Step(G.NodesToValueGrads(n.learned)); err != nil {
				return err
			}
			vm.Reset()
			fmt.Print(time.Since(start).Nanoseconds(), " ")
		}
		fmt.Println()
	}
	return in.Err()
}

// net is the graph; must ends a build that fails.
type net struct {
	graph   *G.ExprGraph
	learned G.Nodes
}

func must(x *G.Node, err error) *G.Node {
	if err != nil {
		panic(err)
	}
	return x
}

func (n *net) param(name string, shape ...int) *G.Node {
	p := G.NewTensor(n.graph, tensor.Float32, len(shape), G.WithShape(shape...), G.WithName(name), G.WithInit(G.GlorotU(1)))
	n.learned = append(n.learned, p)
	return p
}

func (n *net) input(name string, shape ...int) *G.Node {
	v := make([]float32, tensor.Shape(shape).TotalSize())
	for i := range v {
		v[i] = float32(i*7919%101)/50 - 1
	}
	t := tensor.New(tensor.WithShape(shape...), tensor.WithBacking(v))
	return G.NewTensor(n.graph, tensor.Float32, len(shape), G.WithShape(shape...), G.WithName(name), G.WithValue(t))
}

func (n *net) conv(name string, x *G.Node, out, k int) *G.Node {
	w := n.param(name+".weight", out, x.Shape()[1], k, k)
	b := n.param(name+".bias", 1, out, 1, 1)
	y := must(G.Conv2d(x, w, tensor.Shape{k, k}, []int{0, 0}, []int{1, 1}, []int{1, 1}))
	return must(G.BroadcastAdd(y, b, nil, []byte{0, 2, 3}))
}

func (n *net) norm(name string, x *G.Node) *G.Node {
	scale, bias := n.param(name+".weight", x.Shape()...), n.param(name+".bias", x.Shape()...)
	y, _, _, op, err := G.BatchNorm(x, scale, bias, .1, 1e-5)
	if err != nil {
		panic(err)
	}
	op.SetTraining(true)
	return y
}

func (n *net) linear(name string, x *G.Node, out int) *G.Node {
	w, b := n.param(name+".weight", x.Shape()[1], out), n.param(name+".bias", 1, out)
	return must(G.BroadcastAdd(must(G.Mul(x, w)), b, nil, []byte{0}))
}

func flat(x *G.Node) *G.Node {
	return must(G.Reshape(x, tensor.Shape{batch, x.Shape().TotalSize() / batch}))
}

func (n *net) build() (loss *G.Node, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("build: %v", p)
		}
	}()
	pool := func(x *G.Node, stride int) *G.Node {
		return must(G.MaxPool2D(x, tensor.Shape{2, 2}, []int{0, 0}, []int{stride, stride}))
	}
	relu := func(x *G.Node) *G.Node { return must(G.Rectify(x)) }

	image := relu(pool(n.conv("image.conv1", n.input("image", batch, 1, 28, 28), 5, 5), 2))
	image = must(G.Dropout(n.conv("image.conv2", image, 10, 5), .5))
	image = flat(relu(pool(image, 2)))

	sound := n.input("sound", batch, 1, 20, 20)
	for i, out := range []int{32, 48, 20} {
		name := fmt.Sprint("sound.", i+1)
		sound = relu(n.norm(name, n.conv(name, sound, out, 2)))
	}
	sound = must(G.Dropout(flat(pool(sound, 4)), .25))
	sound = relu(must(G.Dropout(n.linear("sound.fc", sound, 160), .25)))

	both := must(G.Concat(1, image, sound))
	hidden := must(G.Dropout(relu(n.linear("fuse", both, 64)), .6))
	p := must(G.SoftMax(n.linear("classify", hidden, 10)))
	target := make([]float32, batch*10)
	for i := range batch {
		target[i*10+i%10] = 1
	}
	t := G.NewMatrix(n.graph, tensor.Float32, G.WithShape(batch, 10), G.WithName("target"),
		G.WithValue(tensor.New(tensor.WithShape(batch, 10), tensor.WithBacking(target))))
	return must(G.Neg(must(G.Mean(must(G.HadamardProd(t, must(G.Log(p)))))))), nil
}
