package opencl

import (
	"strings"
	"testing"
)

func TestChooseNamesWhatThereIs(t *testing.T) {
	_, err := choose([]Device{{Name: "A100", Platform: "CUDA"}, {Index: 1, Name: "EPYC", Platform: "PoCL"}}, "9")
	if err == nil || !strings.Contains(err.Error(), `number or name "9"; there is number 0: A100 (CUDA), number 1: EPYC (PoCL)`) {
		t.Errorf("got %v", err)
	}
}
