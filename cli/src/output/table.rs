//! Columns for people.

use std::io::{self, Write};

use super::style::{self, Stream};

/// Rows of text in columns as wide as their widest cell.
pub(crate) struct Table {
    right: &'static [usize],
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with a heading; `right` names the columns aligned to the right.
    pub(crate) fn new(heading: &[&str], right: &'static [usize]) -> Self {
        Self {
            right,
            rows: vec![heading.iter().map(|cell| (*cell).to_owned()).collect()],
        }
    }

    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(
            cells
                .map(|cell| super::printable(&cell).replace(['\n', '\t'], " "))
                .into(),
        );
    }

    /// Writes heading and rows; nothing at all when there are no rows.
    pub(crate) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        if self.rows.len() < 2 {
            return Ok(());
        }
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for (index, row) in self.rows.iter().enumerate() {
            let mut line = String::new();
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                if column > 0 {
                    line.push_str("  ");
                }
                if self.right.contains(&column) {
                    line.push_str(&format!("{cell:>width$}"));
                } else {
                    line.push_str(&format!("{cell:<width$}"));
                }
            }
            let line = line.trim_end();
            if index == 0 {
                writeln!(out, "{}", style::paint(Stream::Stdout, style::STRONG, line))?;
            } else {
                writeln!(out, "{line}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_lines_have_no_trailing_space() {
        let mut table = Table::new(&["NAME", "SIZE", "NOTE"], &[1]);
        table.row(["a".into(), "10 B".into(), String::new()]);
        table.row(["long\nname".into(), "1 B".into(), "x".into()]);
        let mut text = Vec::new();
        table.write(&mut text).unwrap();
        assert_eq!(
            String::from_utf8(text).unwrap(),
            "NAME       SIZE  NOTE\na          10 B\nlong name   1 B  x\n"
        );
    }

    #[test]
    fn an_empty_table_writes_nothing() {
        let mut text = Vec::new();
        Table::new(&["NAME"], &[]).write(&mut text).unwrap();
        assert!(text.is_empty());
    }
}
