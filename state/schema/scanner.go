package schema

import "database/sql"

// Scanner is a row that was read.
type Scanner interface{ Scan(...any) error }

// ScanAll reads all rows of a query, whose error is err.
func ScanAll[T any](rows *sql.Rows, err error, scan func(Scanner) (T, error)) ([]T, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, rows.Err()
}
