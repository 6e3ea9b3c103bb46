// Package nn provides parameters, the layers made of them, and what a model of
// several modalities is: [Model].
//
// A [Builder] is told of parameters while a model is put together; [Builder.Build]
// then places them all in one piece of a device's memory, so that an optimiser
// takes one kernel, and fills them from a seed. A parameter's start depends on
// the seed and its name alone.
package nn
