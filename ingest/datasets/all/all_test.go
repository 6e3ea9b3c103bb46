package all_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/lacuna-ml/lacuna/ingest/datasets/all"
)

func Example() {
	registry, err := all.Registry()
	if err != nil {
		fmt.Println(err)
		return
	}
	d, err := registry.Lookup("brats")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(d.Modalities.Names())
	// Output: [flair t1 t1ce t2]
}

func TestListIsThatOfTheFolders(t *testing.T) {
	var stderr bytes.Buffer
	cmd := exec.Command("go", "run", "gen.go", "-print")
	cmd.Stderr = &stderr
	want, err := cmd.Output()
	if err != nil {
		t.Fatalf("running the generator: %v\n%s", err, stderr.Bytes())
	}
	got, err := os.ReadFile("all.go")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("all.go is stale: run go generate in this folder. It is\n%s\nand would be\n%s", got, want)
	}
}

func TestNamesAreThoseOfTheFolders(t *testing.T) {
	registry, err := all.Registry()
	if err != nil {
		t.Fatal(err)
	}
	if len(registry.All()) == 0 {
		t.Error("no data sets")
	}
	for _, d := range registry.All() {
		if info, err := os.Stat("../" + d.Name); err != nil || !info.IsDir() {
			t.Errorf("data set %s does not lie in a folder of its name", d.Name)
		}
	}
}
