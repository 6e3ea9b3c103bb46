// Package brats is the data set of the Brain Tumour Segmentation challenge: it
// finds the cases of the releases of 2017 to 2025 and of the Medical
// Segmentation Decathlon (Task01_BrainTumour) below one folder, and loads each
// as four MRI volumes and a label map on one grid.
//
// # What is found
//
// Every folder up to six below the root is looked at, for files .nii and
// .nii.gz whose names end, after '_', '-', '.' or alone, in
//
//	flair   flair, fla, t2f (and t2_flair)
//	t1      t1, t1n, t1w
//	t1ce    t1ce, t1c, t1gd
//	t2      t2, t2w
//	target  seg, gtv
//
// A folder with such files is a case, named after the folder; a folder in which
// several cases lie side by side is several, named after what their files begin
// with. A case folder may itself be the root. In the Decathlon's imagesTr and
// imagesTs, BRATS_NNN.nii.gz is one 4-D file of all four, in its published
// order FLAIR, T1w, T1gd, T2w. Whatever else lies about (Thumbs.db, ._names,
// tables, masks for inpainting) is not looked at. A folder with the name of a
// case, or empty beside cases, is a case too, and its Load says what is missing; so
// is a folder that can't be listed.
//
// Files and folders may be symbolic links. A folder that can be reached in two
// ways counts once, by its own name rather than that of a link to it.
//
// # Releases and labels
//
// The number 4 has meant enhancing tumour, resection cavity and oedema. So
// labels are read by the release, and never guessed from the values met:
//
//	release                          0           1                      2                  3                 4
//	classic 2017 2018 2019 2020 2021 background  necrotic core          oedema             -                 enhancing tumour
//	2023-gli -men -met -ped -ssa     background  necrotic core          oedema             enhancing tumour  -
//	2024-goat -ssa, 2025-goat -ssa   background  necrotic core          oedema             enhancing tumour  -
//	2024-gli -met, 2025-gli -met     background  necrotic core          oedema             enhancing tumour  resection cavity
//	2024-ped, 2025-ped               background  enhancing tumour       non-enhancing t.   cystic component  oedema
//	2024-men-rt, 2025-men-rt         background  gross tumour volume    -                  -                 -
//	msd                              background  oedema                 necrotic core      enhancing tumour  -
//
// Necrotic core is what the releases call NCR, NCR/NET or NETC (it includes
// non-enhancing tumour there, and in 2023-ped cysts too); oedema is ED or SNFH.
// The paediatric releases since 2024 mark non-enhancing tumour (NET) and cystic
// component (CC) on their own and judge them on their own, so they stay classes
// of their own: a union can be taken later, a split can't. The regions follow
// the challenge's own evaluation code: ET is the enhancing tumour; TC all that
// is tumour but not oedema; WT adds oedema; the resection cavity is in none.
//
// With the option release at "auto" the release is told by the case's name
// (Brats18_, BraTS2021_, BraTS-GLI-...), and among those that share a name by
// the nearest folder above that names the challenge and a year
// (BraTS2024-GLI-...). A time point of 100 or more is a scan after treatment,
// so a BraTS-GLI case of 2024 or later. Labelled paediatric cases in folders
// that tell no year fail to load, because 2023 and 2024 number them differently.
// Case names that belong to no release are "classic". The root's own name is
// known only when the file system has a method Name() string.
//
// # Groups, sites, grades
//
// The patient is the group: BraTS-GLI-00005-000 and -001 are one, and so are
// Brats18_CBICA_AAB_1 and BraTS19_CBICA_AAB_1, whose site, CBICA, is the
// domain. The grade, HGG or LGG, is the stratum: from the folder of that name,
// or from name_mapping.csv where one lies about (which also gives the cases of
// 2020 their patient and site). For 2018, Official follows the lists of the
// MCKD paper: five labelled cases val, the other labelled ones train,
// unlabelled ones test.
//
// # What is wrong, and what is only odd
//
// Load returns all problems of all files of a case at once. Errors are files
// that can't be read (empty, truncated, a git-lfs pointer, no NIfTI), NaN or
// infinite values, labels that the release does not have, two files for one
// modality, more than one volume in a file, shapes that differ, grids that
// differ, and a case without any modality. Warnings are:
//
//   - constant: a modality that is the same everywhere, as all-zero files that
//     stand in for a missing one are. It carries nothing, so its bit in the mask
//     is cleared.
//
//   - affine: a grid that differs from that of the first modality by no more
//     than 0.05 voxels anywhere (below 0.001 it is float noise, and not told).
//
//   - orientation: a file stored with axes flipped or swapped against the first
//     modality's; that was undone.
//
//   - geometry: a file without any geometry in its header; its voxels are taken
//     to lie as the first modality's, whose shape it has.
//
//   - name: a file that is named as of another case than the others.
//
//   - not-a-file: a folder with the name of a volume and one NIfTI file in it, as
//     some copies have; that file is used.
//
// A modality or label map that has no file is absent, without a warning. A name
// of one that leads to no file is an error: a link to nothing (git-annex or
// datalad never fetched it), a pipe, a folder with none or several NIfTI files, a
// .hdr/.img pair, which is to be converted.
//
// A file may take 256 MiB as float32, the 4-D one of the Decathlon 1 GiB, and a
// case 1 GiB in all.
package brats
