module github.com/lacuna-ml/lacuna/bench

go 1.26.0

replace github.com/lacuna-ml/lacuna => ../

require (
	github.com/go-audio/wav v1.1.0
	github.com/klauspost/compress v1.20.3
	github.com/lacuna-ml/lacuna v0.0.0-00010101000000-000000000000
	github.com/mjibson/go-dsp v0.0.0-20180508042940-11479a337f12
	github.com/okieraised/gonii v0.9.0
	gonum.org/v1/gonum v0.17.0
)

require (
	github.com/go-audio/audio v1.0.0 // indirect
	github.com/go-audio/riff v1.0.0 // indirect
	github.com/klauspost/pgzip v1.2.5 // indirect
)
