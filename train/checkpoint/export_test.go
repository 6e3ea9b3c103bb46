package checkpoint

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// Sign returns a copy of a file with the sum that its bytes have now.
func Sign(file []byte) []byte {
	file = bytes.Clone(file)
	key := []byte(`"lacuna.sha256":"`)
	at := bytes.Index(file, key) + len(key)
	copy(file[at:], strings.Repeat("0", 64))
	sum := sha256.Sum256(file)
	hex.Encode(file[at:], sum[:])
	return file
}
