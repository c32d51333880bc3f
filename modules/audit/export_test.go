package audit

// For tests that put entries of another time into the database.
var NewID = newID

const (
	Piece = piece
	Batch = batch
)
