package validate

import (
	"fmt"
	"io"
	"strings"

	"github.com/lacuna-ml/lacuna/ingest"
	"github.com/lacuna-ml/lacuna/ingest/modality"
	"github.com/lacuna-ml/lacuna/ingest/nifti"
)

// LabelMap is the predicted label map of one case under one combination.
type LabelMap struct {
	Key    ingest.Key    // the subject
	Combo  modality.Mask // the combination
	Seen   modality.Mask // what the subject has of it
	Labels ingest.Labels // the whole volume, D, H, W: places among the classes
	Affine [4][4]float64 // from voxel x, y, z to world mm
	Axes   string        // the orientation of the file, as Location.Axes
}

// labelMap puts the labels of the box into the whole volume.
func (v *volume) labelMap(combo, seen modality.Mask, box []uint8) *LabelMap {
	m := &LabelMap{Key: v.key, Combo: combo, Seen: seen, Affine: v.affine, Axes: v.axes}
	m.Labels = ingest.Labels{Shape: v.whole[:], Data: make([]uint8, v.whole[0]*v.whole[1]*v.whole[2])}
	w := v.size[2]
	for z := range v.size[0] {
		for y := range v.size[1] {
			to := ((z+v.lo[0])*v.whole[1]+y+v.lo[1])*v.whole[2] + v.lo[2]
			copy(m.Labels.Data[to:to+w], box[(z*v.size[1]+y)*w:])
		}
	}
	return m
}

// EncodeNIfTI writes the label map as .nii.gz in the geometry of the input: its
// size, its order and direction of axes, its affine. numbers has the value to
// write for each class, such as a release of BraTS wants; nil writes the classes
// themselves. It errs on a label without a number, and on axes that are none.
func (m *LabelMap) EncodeNIfTI(w io.Writer, numbers []uint8) error {
	n := [3]int{m.Labels.Shape[2], m.Labels.Shape[1], m.Labels.Shape[0]} // x, y, z
	h := nifti.NewHeader(n[:], m.Affine)
	data := make([]uint8, 0, len(m.Labels.Data))
	from, flip, err := backTo(m.Axes, h.Orientation())
	if err != nil {
		return fmt.Errorf("validate: %s: %w", m.Key, err)
	}
	stride := [3]int{1, n[0], n[0] * n[1]}
	affine := m.Affine
	var size, step [3]int
	base := 0
	for a, f := range from {
		size[a], step[a] = n[f], stride[f]
		sign := 1.0
		if flip[a] {
			sign = -1
			base += (n[f] - 1) * stride[f]
			step[a] = -step[a]
		}
		for w := range 3 {
			if flip[a] {
				affine[w][3] += float64(m.Affine[w][f] * float64(n[f]-1))
			}
			affine[w][a] = sign * m.Affine[w][f]
		}
	}
	for z := range size[2] {
		for y := range size[1] {
			at := base + z*step[2] + y*step[1]
			for range size[0] {
				l := m.Labels.Data[at]
				if numbers != nil {
					if int(l) >= len(numbers) {
						return fmt.Errorf("validate: %s: class %d has no number among %v", m.Key, l, numbers)
					}
					l = numbers[l]
				}
				data = append(data, l)
				at += step[0]
			}
		}
	}
	return nifti.EncodeGzip(w, nifti.NewHeader(size[:], affine), data)
}

// backTo says, for the axes x, y, z of a file with the orientation axes, which
// axis of a volume with the orientation has each is, and whether it runs the
// other way. Where either is not known all stay as they are.
func backTo(axes, has string) (from [3]int, flip [3]bool, err error) {
	from = [3]int{0, 1, 2}
	if axes == "" || strings.Contains(has, "?") {
		return from, flip, nil
	}
	for _, pair := range []string{"RL", "AP", "SI"} {
		i, at := strings.IndexAny(axes, pair), strings.IndexAny(has, pair)
		if i < 0 || len(axes) != 3 {
			return from, flip, fmt.Errorf("axes %q: want three letters, one each of R/L, A/P and S/I", axes)
		}
		from[i], flip[i] = at, axes[i] != has[at]
	}
	return from, flip, nil
}
