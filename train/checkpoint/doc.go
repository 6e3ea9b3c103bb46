// Package checkpoint keeps what a training run needs to go on as if it had never
// stopped: named float32 arrays (weights, the optimiser's moments, importance
// weights, running statistics) and a [State], in one safetensors file.
//
// One file is one state of the run: there is no moment at which the weights of
// one step can meet the generators of another. Any reader of safetensors gets
// the arrays; see package safetensors below for the layout. Three strings stand
// in the metadata:
//
//	lacuna.schema   "1", see [SchemaVersion]
//	lacuna.sha256   of the whole file, read with these 64 digits as zeros
//	lacuna.state    the State as JSON
//
// The sum is checked before anything else is read, so no byte can change
// unnoticed. In Python:
//
//	raw = open("last.safetensors", "rb").read()
//	n = int.from_bytes(raw[:8], "little")
//	digits = json.loads(raw[8:8+n])["__metadata__"]["lacuna.sha256"].encode()
//	assert hashlib.sha256(raw.replace(digits, b"0" * 64, 1)).hexdigest() == digits.decode()
//
// # In a directory
//
// [Save] writes last.safetensors and keeps the one before as
// previous.safetensors. A process that is killed at any moment, or a machine that
// stops, leaves at least one of them whole: what is no whole checkpoint never
// replaces one that is. [Load] reads the last, else the previous, and says which.
// One process at a time may save in a directory; its caller sees to that.
package checkpoint
