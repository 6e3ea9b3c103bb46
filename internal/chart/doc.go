// Package chart draws the pictures of a report: lines over steps ([Lines]), bars
// or points with error bars ([Bars]), and tables of numbers in colour ([Matrix]),
// alone or side by side ([Grid]).
//
// A chart becomes SVG, whose text is text in the reader's sans-serif, or PNG, in
// the Go fonts on white. In SVG the ink is the colour of the text around it, and
// what is faint is transparent, so that it reads on light and on dark. Colours
// are those of Okabe and Ito (2008), which people with any of the usual colour
// vision can tell apart; beyond six series they come again with dashed lines.
//
// The same chart gives the same bytes. A value that is NaN or infinite, or not
// positive on a logarithmic axis, is a gap. Text that is too long for its place
// is cut and ends in "…".
//
// It is drawn here and not by gonum.org/v1/plot v0.17.0, which was tried: eight
// more modules and a program of 11.7 MB for one line chart, text in fixed Times,
// black on a white ground in SVG, and legends and last labels over the edge.
package chart
