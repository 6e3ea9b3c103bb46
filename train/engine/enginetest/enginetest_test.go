package enginetest_test

import (
	"testing"

	"github.com/lacuna-ml/lacuna/train/engine"
	"github.com/lacuna-ml/lacuna/train/engine/enginetest"
	"github.com/lacuna-ml/lacuna/train/engine/reference"
)

func TestReference(t *testing.T) {
	enginetest.Run(t, reference.New, enginetest.Options{Same: []func() engine.Engine{reference.New}})
}

func TestGoldenReference(t *testing.T) {
	enginetest.Golden(t, reference.New, enginetest.Options{})
}
