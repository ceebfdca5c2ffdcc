//! As much of TOML 1.0 (toml.io/en/v1.0.0) as settings files are written in: tables, arrays, inline
//! tables, texts and truths. Numbers and dates are read over: no setting looked for here is one.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// Deepest nesting of arrays and inline tables that is read, and most keys with dots between them.
const DEPTH_LIMIT: usize = 16;

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    Truth(bool),
    List(Vec<Value>),
    Table(Table),
    /// A number or a date.
    Other,
}

/// Keys and their values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Table(BTreeMap<String, Value>);

/// It is no TOML, or nested too deeply.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// Reads a file whole, or not at all.
pub(super) fn parse(text: &str) -> Result<Table, Malformed> {
    let mut reader = Reader { rest: text };
    let mut root = Table::default();
    let mut place: Vec<String> = Vec::new();
    while reader.skip_lines() {
        if reader.take("[[") {
            place = reader.path()?;
            reader.expect("]]")?;
            root.descend(&place)?.push()?;
        } else if reader.take("[") {
            place = reader.path()?;
            reader.expect("]")?;
            root.descend(&place)?.table()?;
        } else {
            let (path, value) = reader.pair(0)?;
            root.descend(&place)?.table()?.insert(&path, value)?;
        }
        reader.end_of_line()?;
    }
    Ok(root)
}

impl Table {
    pub(super) fn find(&self, key: &str) -> Option<&Value> {
        self.0.get(key)
    }

    pub(super) fn table(&self, key: &str) -> Option<&Self> {
        match self.find(key) {
            Some(Value::Table(table)) => Some(table),
            _ => None,
        }
    }

    pub(super) fn text(&self, key: &str) -> Option<&str> {
        match self.find(key) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    pub(super) fn is_true(&self, key: &str) -> bool {
        self.find(key) == Some(&Value::Truth(true))
    }

    /// What a list holds; nothing, where there is none.
    pub(super) fn list(&self, key: &str) -> &[Value] {
        match self.find(key) {
            Some(Value::List(values)) => values,
            _ => &[],
        }
    }

    fn insert(&mut self, path: &[String], value: Value) -> Result<(), Malformed> {
        let (last, tables) = path.split_last().ok_or(Malformed)?;
        let table = self.descend(tables)?.table()?;
        match table.0.entry(last.clone()) {
            Entry::Vacant(place) => {
                place.insert(value);
                Ok(())
            }
            Entry::Occupied(_) => Err(Malformed),
        }
    }

    /// The place that a path leads to; tables on the way are made, of lists the last one is meant.
    fn descend<'a>(&'a mut self, path: &'a [String]) -> Result<Place<'a>, Malformed> {
        let Some((last, tables)) = path.split_last() else { return Ok(Place::Root(self)) };
        let mut table = self;
        for key in tables {
            table = Place::Key(table, key).table()?;
        }
        Ok(Place::Key(table, last))
    }
}

/// Where a table is, or is to be.
enum Place<'a> {
    Root(&'a mut Table),
    Key(&'a mut Table, &'a str),
}

impl<'a> Place<'a> {
    fn value(self, new: Value) -> Result<&'a mut Value, Malformed> {
        let Self::Key(table, key) = self else { return Err(Malformed) };
        Ok(table.0.entry(key.to_owned()).or_insert(new))
    }

    /// The table there, made where there is none.
    fn table(self) -> Result<&'a mut Table, Malformed> {
        if let Self::Root(table) = self {
            return Ok(table);
        }
        match self.value(Value::Table(Table::default()))? {
            Value::Table(table) => Ok(table),
            Value::List(values) => match values.last_mut() {
                Some(Value::Table(table)) => Ok(table),
                _ => Err(Malformed),
            },
            _ => Err(Malformed),
        }
    }

    /// A new table at the end of the list there.
    fn push(self) -> Result<(), Malformed> {
        match self.value(Value::List(Vec::new()))? {
            Value::List(values) => {
                values.push(Value::Table(Table::default()));
                Ok(())
            }
            _ => Err(Malformed),
        }
    }
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    /// Skips blanks, line ends and comments; says whether anything is left.
    fn skip_lines(&mut self) -> bool {
        loop {
            self.rest = self.rest.trim_start_matches([' ', '\t', '\r', '\n', '\u{feff}']);
            if !self.rest.starts_with('#') {
                return !self.rest.is_empty();
            }
            self.skip_comment();
        }
    }

    fn skip_comment(&mut self) {
        self.rest = self.rest.find('\n').map_or("", |end| &self.rest[end..]);
    }

    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
    }

    fn end_of_line(&mut self) -> Result<(), Malformed> {
        self.skip_blanks();
        if self.rest.starts_with('#') {
            self.skip_comment();
        }
        let is_over = self.rest.is_empty() || self.rest.starts_with(['\r', '\n']);
        if is_over { Ok(()) } else { Err(Malformed) }
    }

    fn take(&mut self, wanted: &str) -> bool {
        let rest = self.rest.strip_prefix(wanted);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn expect(&mut self, wanted: &str) -> Result<(), Malformed> {
        self.skip_blanks();
        if self.take(wanted) { Ok(()) } else { Err(Malformed) }
    }

    fn pair(&mut self, depth: usize) -> Result<(Vec<String>, Value), Malformed> {
        let path = self.path()?;
        self.expect("=")?;
        self.skip_blanks();
        Ok((path, self.value(depth)?))
    }

    /// Keys with dots between them.
    fn path(&mut self) -> Result<Vec<String>, Malformed> {
        let mut path = Vec::new();
        loop {
            if path.len() == DEPTH_LIMIT {
                return Err(Malformed);
            }
            self.skip_blanks();
            path.push(self.key()?);
            self.skip_blanks();
            if !self.take(".") {
                return Ok(path);
            }
        }
    }

    fn key(&mut self) -> Result<String, Malformed> {
        if self.rest.starts_with(['"', '\'']) {
            return self.text();
        }
        let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let key = self.while_is(is_bare);
        if key.is_empty() { Err(Malformed) } else { Ok(key) }
    }

    fn while_is(&mut self, is_wanted: impl Fn(char) -> bool) -> String {
        let end = self.rest.find(|c| !is_wanted(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken.to_owned()
    }

    fn value(&mut self, depth: usize) -> Result<Value, Malformed> {
        if depth > DEPTH_LIMIT {
            return Err(Malformed);
        }
        if self.rest.starts_with(['"', '\'']) {
            return self.text().map(Value::Text);
        }
        if self.take("[") {
            return self.list(depth);
        }
        if self.take("{") {
            return self.inline_table(depth);
        }
        let word = self.while_is(|c| c.is_ascii_alphanumeric() || "+-_.:".contains(c));
        match word.as_str() {
            "" => Err(Malformed),
            "true" => Ok(Value::Truth(true)),
            "false" => Ok(Value::Truth(false)),
            _ => Ok(Value::Other),
        }
    }

    fn list(&mut self, depth: usize) -> Result<Value, Malformed> {
        let mut values = Vec::new();
        self.items("]", |reader| {
            values.push(reader.value(depth + 1)?);
            Ok(())
        })?;
        Ok(Value::List(values))
    }

    /// Over several lines too, as TOML 1.1 has them.
    fn inline_table(&mut self, depth: usize) -> Result<Value, Malformed> {
        let mut table = Table::default();
        self.items("}", |reader| {
            let (path, value) = reader.pair(depth + 1)?;
            table.insert(&path, value)
        })?;
        Ok(Value::Table(table))
    }

    /// What stands between commas, up to what closes it.
    fn items(
        &mut self,
        close: &str,
        mut read: impl FnMut(&mut Self) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        loop {
            self.skip_lines();
            if self.take(close) {
                return Ok(());
            }
            read(self)?;
            self.skip_lines();
            if !self.take(",") && !self.rest.starts_with(close) {
                return Err(Malformed);
            }
        }
    }

    fn text(&mut self) -> Result<String, Malformed> {
        for (quote, is_raw) in [("'''", true), ("\"\"\"", false), ("'", true), ("\"", false)] {
            if self.take(quote) {
                return self.text_until(quote, is_raw);
            }
        }
        Err(Malformed)
    }

    fn text_until(&mut self, quote: &str, is_raw: bool) -> Result<String, Malformed> {
        let mut text = String::new();
        loop {
            if self.take(quote) {
                return Ok(text);
            }
            let c = self.next()?;
            match c {
                '\n' if quote.len() == 1 => return Err(Malformed),
                '\\' if !is_raw => text.push(self.escaped()?),
                c => text.push(c),
            }
        }
    }

    fn escaped(&mut self) -> Result<char, Malformed> {
        match self.next()? {
            'b' => Ok('\u{8}'),
            't' => Ok('\t'),
            'n' | '\n' => Ok('\n'),
            'f' => Ok('\u{c}'),
            'r' => Ok('\r'),
            'u' => self.code_point(4),
            'U' => self.code_point(8),
            c @ ('"' | '\\') => Ok(c),
            _ => Err(Malformed),
        }
    }

    fn code_point(&mut self, digits: usize) -> Result<char, Malformed> {
        let digits = self.rest.get(..digits).ok_or(Malformed)?;
        self.rest = &self.rest[digits.len()..];
        u32::from_str_radix(digits, 16).ok().and_then(char::from_u32).ok_or(Malformed)
    }

    fn next(&mut self) -> Result<char, Malformed> {
        let mut chars = self.rest.chars();
        let c = chars.next().ok_or(Malformed)?;
        self.rest = chars.as_str();
        Ok(c)
    }
}

#[cfg(test)]
mod tests;
