package experiment

import (
	"strings"
	"testing"

	"github.com/lacuna-ml/lacuna/validate"
)

// TestDemoSaysWhatTheFiguresSay: its sentences follow from the table, whichever
// way it falls.
func TestDemoSaysWhatTheFiguresSay(t *testing.T) {
	trials := func(wholePicture, rareSound, gain validate.Number) (list []Trial) {
		for _, a := range NewDemo().Arms {
			for seed := range 2 {
				s := map[string]validate.Number{"image": 90, "audio": 80, "image+audio": 97 + validate.Number(seed)}
				switch a.Name {
				case demoWhole:
					s["image"] = wholePicture
				case demoRare:
					s["audio"] = rareSound
				case demoMCKD:
					s["audio"] = rareSound + gain + validate.Number(seed)
				}
				list = append(list, Trial{Arm: a.Name, Seed: uint64(seed), Scores: Scores{"accuracy": s}})
			}
		}
		return list
	}
	for _, tt := range []struct {
		trials []Trial
		want   []string
	}{
		{trials(60, 30, 10), []string{"60.0 % when the sound is taken away: it was never taught", "sound alone 30.0 %: too few sounds", "+10.5 points from the sound"}},
		{trials(96, 79, -10), []string{"96.0 % when the sound is taken away: it does without", "79.0 %: those few sounds are enough", "-9.5 points from the sound"}},
	} {
		text := strings.Join(NewDemo().Tell(tt.trials).Notes, "\n")
		for _, w := range tt.want {
			if !strings.Contains(text, w) {
				t.Errorf("it does not say %q:\n%s", w, text)
			}
		}
	}
}

func TestWrap(t *testing.T) {
	if got, want := wrap("a bb ccc  dddd é 10 % of", 6), "a bb\nccc\ndddd é\n10 %\nof"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
