// Package avnet is the network of the Audiovision-MNIST experiments: a small
// LeNet for written digits, a small convolutional net for MFCCs of spoken ones,
// and a classifier over both.
//
// The encoders are those of Ma et al., "SMIL: Multimodal Learning with Severely
// Missing Modality" (AAAI 2021), whose features have 160 and 320 values. Since
// distillation compares them, the sound's go on through its linear layer of 160.
// 84,356 parameters.
//
// [Options.Deep] takes another encoder of images, of four 3x3 convolutions with
// batch norm and about as many parameters as the one of sounds, since LeNet's
// 1,390 are what limits the published network on augmented images.
package avnet

import (
	"fmt"

	"github.com/lacuna-ml/lacuna/train/autograd"
	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/nn"
	"github.com/lacuna-ml/lacuna/train/tensor"
)

// Sizes of the inputs, and of the features.
const (
	ImageSize = 28
	SoundSize = 20 // coefficients, and frames
	Features  = 160
	hidden    = 64
)

// Options are what may be varied. The zero Options is the published network.
type Options struct {
	Classes int // default 10
	// Image and Sound are the places of the modalities in the data set; with both
	// 0, image is 0 and sound 1.
	Image, Sound int
	// Deep takes the deeper encoder of images.
	Deep bool
	// NoDropout leaves dropout out, for tests of gradients.
	NoDropout bool
}

// Net is the network.
type Net struct {
	o      Options
	params *nn.Params

	conv1, conv2        *nn.Conv
	deep                [4]*nn.Conv
	deepNorms           [4]*nn.Norm
	imageFC             *nn.Linear
	sound               [3]*nn.Conv
	norms               [3]*nn.Norm
	soundFC, fuse, last *nn.Linear
}

// New makes the network on e, its parameters started from the seed.
func New(e engine.Engine, o Options, seed uint64) (*Net, error) {
	if o.Classes == 0 {
		o.Classes = 10
	}
	if o.Image == 0 && o.Sound == 0 {
		o.Sound = 1
	}
	if o.Classes < 1 || o.Classes > 256 || min(o.Image, o.Sound) != 0 || max(o.Image, o.Sound) != 1 {
		return nil, fmt.Errorf("avnet: %+v: want 1 to 256 classes, and the places 0 and 1", o)
	}
	var b nn.Builder
	n := &Net{o: o}
	valid := func(k int) engine.Window { return engine.Window{Kernel: [3]int{1, k, k}} }
	if o.Deep {
		in := 1
		for i, out := range [...]int{16, 32, 32, 32} {
			name := fmt.Sprint(i + 1)
			n.deep[i] = b.Conv("image.conv"+name, in, out, engine.Cube(3, true), false)
			n.deepNorms[i] = b.BatchNorm("image.norm"+name, out, 0)
			in = out
		}
		n.imageFC = b.Linear("image.fc", 32*3*3, Features)
	} else {
		n.conv1 = b.Conv("image.conv1", 1, 5, valid(5), true)
		n.conv2 = b.Conv("image.conv2", 5, 10, valid(5), true)
	}
	channels := [...]int{1, 32, 48, 20}
	for i, name := range [...]string{"1", "2", "3"} {
		n.sound[i] = b.Conv("sound.conv"+name, channels[i], channels[i+1], valid(2), true)
		n.norms[i] = b.BatchNorm("sound.norm"+name, channels[i+1], 0)
	}
	n.soundFC = b.Linear("sound.fc", 20*4*4, Features)
	n.fuse = b.Linear("fuse", 2*Features, hidden)
	n.last = b.Linear("classify", hidden, o.Classes)
	var err error
	n.params, err = b.Build(e, seed)
	return n, err
}

// Params returns the network's parameters.
func (n *Net) Params() *nn.Params { return n.params }

func (n *Net) drop(t *autograd.Tape, x *autograd.Var, p float32) *autograd.Var {
	if n.o.NoDropout {
		return x
	}
	return t.Dropout(x, p)
}

// Encode returns features [B 2][160]; those of missing modalities are zeros. An
// encoder sees only the samples that have its modality, so that batch norm's
// statistics are of real ones.
func (n *Net) Encode(t *autograd.Tape, b nn.Batch) nn.Code {
	if b.Modalities() != 2 {
		t.Fail(fmt.Errorf("avnet: %d modalities, the network is for image and sound", b.Modalities()))
		return nn.Code{}
	}
	var all *autograd.Var
	for m := range 2 {
		places := b.Has(m, m+1)
		if len(places) == 0 {
			continue
		}
		encode, size := n.encodeSound, SoundSize
		if m == n.o.Image {
			encode, size = n.image, ImageSize
		}
		x := b.Stack(t, places, 0)
		if s := x.Shape(); len(s) == 5 && !s[2:].Equal(tensor.Shape{1, size, size}) {
			t.Fail(fmt.Errorf("avnet: an input of %v: modality %d is %dx%d", s[2:], m, size, size))
			return nn.Code{}
		}
		x = encode(t, x)
		x = t.Gather(x, nn.Spread(places, 2*len(b.Present), -1))
		if all != nil {
			x = t.Add(all, x)
		}
		all = x
	}
	return nn.Code{Features: all}
}

// image takes [n][1][1][28][28] to [n][160].
func (n *Net) image(t *autograd.Tape, x *autograd.Var) *autograd.Var {
	half := engine.Window{Kernel: [3]int{1, 2, 2}, Stride: [3]int{1, 2, 2}}
	if n.o.Deep {
		for i, c := range n.deep {
			x = n.deepNorms[i].Forward(t, c.Forward(t, x), nil)
			if i != 2 { // 28, 14, 7, 7 and 3 pixels
				x = t.MaxPool(x, half)
			}
		}
		return t.ReLU(n.imageFC.Forward(t, n.drop(t, t.Rows(x), .25)))
	}
	x = t.ReLU(t.MaxPool(n.conv1.Forward(t, x), half))
	x = n.drop(t, n.conv2.Forward(t, x), .5)
	return t.Rows(t.ReLU(t.MaxPool(x, half)))
}

// encodeSound takes [n][1][1][20][20] to [n][160].
func (n *Net) encodeSound(t *autograd.Tape, x *autograd.Var) *autograd.Var {
	for i, c := range n.sound {
		x = n.norms[i].Forward(t, c.Forward(t, x), nil)
	}
	x = t.MaxPool(x, engine.Window{Kernel: [3]int{1, 2, 2}, Stride: [3]int{1, 4, 4}})
	x = n.drop(t, t.Rows(x), .25)
	return t.ReLU(n.drop(t, n.soundFC.Forward(t, x), .25))
}

// Decode returns logits [B][Classes].
func (n *Net) Decode(t *autograd.Tape, c nn.Code) *autograd.Var {
	x := c.Features
	if s := x.Shape(); len(s) == 2 {
		x = t.View(x, s[0]/2, 2*Features)
	}
	x = n.drop(t, t.ReLU(n.fuse.Forward(t, x)), .6)
	return n.last.Forward(t, x)
}
