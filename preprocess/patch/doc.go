// Package patch cuts samples into boxes of one size, and puts what was
// predicted for the boxes together again.
//
// [New] returns a stage with one of the policies whole, grid, random and
// foreground. Patches are copies, so they share no voxels. Each keeps in its
// Location where it was; [Aggregator] is the inverse of grid.
//
// Where a volume is smaller than a patch along an axis, the patch has it in the
// middle: (size-n)/2 voxels of padding before it, rounded down, and the rest
// after. Padding has the sample's Background (0 where it has none) and label 0.
package patch
