//! CSV as RFC 4180 has it, safe to open in a spreadsheet.

/// A document: a line of column names, then the rows. A cell that a spreadsheet
/// would take for a formula gets an apostrophe in front.
#[must_use]
pub fn document(columns: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut text = columns.join(",");
    text.push_str("\r\n");
    for row in rows {
        let cells: Vec<String> = row.iter().map(|text| cell(text)).collect();
        text.push_str(&cells.join(","));
        text.push_str("\r\n");
    }
    text
}

fn cell(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let plain = if formula {
        format!("'{text}")
    } else {
        text.to_owned()
    };
    if plain.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", plain.replace('"', "\"\""))
    } else {
        plain
    }
}

#[cfg(test)]
mod tests {
    use super::document;

    #[test]
    fn cells_are_quoted_and_formulas_are_none() {
        let row = ["plain", "a,b", "say \"x\"", "=1+1", "-1", "two\nlines"];
        let rows = std::iter::once(row.map(str::to_owned).to_vec());
        assert_eq!(
            document(&["x", "y"], rows),
            "x,y\r\nplain,\"a,b\",\"say \"\"x\"\"\",'=1+1,'-1,\"two\nlines\"\r\n"
        );
    }
}
