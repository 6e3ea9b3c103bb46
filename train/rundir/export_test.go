package rundir

import "os"

// File is what a log writes to.
type File = file

// Wrap puts wrap around the file that r logs to.
func Wrap(r *Run, wrap func(*os.File) File) { r.log.f = wrap(r.log.f.(*os.File)) }
