//! The order of functions in a module.
//!
//! gzip looks back over 32 KiB and no further. The many instances of one generic function differ
//! in a few bytes, and are worth next to nothing compressed, if they are not a megabyte apart. So
//! functions go by their names, and of one name by size.

use std::collections::BTreeMap;
use std::convert::Infallible;

use wasm_encoder::reencode::{Error, Reencode, utils};
use wasm_encoder::{CodeSection, FunctionSection, Module};
use wasmparser::{
    CodeSectionReader, CustomSectionReader, FunctionSectionReader, KnownCustom, Name, Parser,
    Payload, TypeRef,
};

/// A module with its functions in order, and without their names.
pub(crate) fn ordered(module: &[u8]) -> Result<Vec<u8>, String> {
    let mut order = Order::of(module).map_err(|error| error.to_string())?;
    let mut written = Module::new();
    order
        .parse_core_module(&mut written, Parser::new(0), module)
        .map_err(|error| error.to_string())?;
    Ok(written.finish())
}

/// Which function of a module goes where.
struct Order {
    imported: u32,
    /// The functions that the module defines, counted from 0, in their new order.
    defined: Vec<u32>,
    /// The place in that order, by the place before.
    places: Vec<u32>,
}

impl Order {
    fn of(module: &[u8]) -> Result<Self, wasmparser::BinaryReaderError> {
        let mut imported = 0;
        let mut sizes = Vec::new();
        let mut names = BTreeMap::new();
        for payload in Parser::new(0).parse_all(module) {
            match payload? {
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        if matches!(import?.ty, TypeRef::Func(_) | TypeRef::FuncExact(_)) {
                            imported += 1;
                        }
                    }
                }
                Payload::CodeSectionEntry(body) => sizes.push(body.range().len()),
                Payload::CustomSection(section) => {
                    if let KnownCustom::Name(section) = section.as_known() {
                        for name in section {
                            let Name::Function(map) = name? else { continue };
                            for naming in map {
                                let naming = naming?;
                                names.insert(naming.index, of_all_instances(naming.name));
                            }
                        }
                    }
                }
                _ => {}
            }
        }
        let mut defined: Vec<u32> = (0..).take(sizes.len()).collect();
        defined.sort_by_key(|function| {
            let name = names.get(&(imported + function)).copied();
            (name, sizes.get(*function as usize), *function)
        });
        let mut places = vec![0; defined.len()];
        for (place, function) in (0..).zip(&defined) {
            if let Some(found) = places.get_mut(*function as usize) {
                *found = place;
            }
        }
        Ok(Self {
            imported,
            defined,
            places,
        })
    }
}

/// A name without the hash that tells instances apart: `::h0123456789abcdef`.
fn of_all_instances(name: &str) -> &str {
    match name.rsplit_once("::h") {
        Some((name, hash)) if hash.len() == 16 => name,
        _ => name,
    }
}

type Outcome = Result<(), Error<Infallible>>;

impl Reencode for Order {
    type Error = Infallible;

    fn function_index(&mut self, function: u32) -> Result<u32, Error<Infallible>> {
        let place = function
            .checked_sub(self.imported)
            .and_then(|defined| self.places.get(defined as usize));
        Ok(place.map_or(function, |place| self.imported + place))
    }

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        section: FunctionSectionReader<'_>,
    ) -> Outcome {
        let types: Vec<u32> = section.into_iter().collect::<Result<_, _>>()?;
        for function in &self.defined {
            if let Some(found) = types.get(*function as usize) {
                functions.function(*found);
            }
        }
        Ok(())
    }

    fn parse_code_section(
        &mut self,
        code: &mut CodeSection,
        section: CodeSectionReader<'_>,
    ) -> Outcome {
        let bodies: Vec<_> = section.into_iter().collect::<Result<_, _>>()?;
        for function in self.defined.clone() {
            if let Some(body) = bodies.get(function as usize) {
                utils::parse_function_body(self, code, body.clone())?;
            }
        }
        Ok(())
    }

    /// Nothing that runs a module needs any of them.
    fn parse_custom_section(&mut self, _: &mut Module, _: CustomSectionReader<'_>) -> Outcome {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use wasm_encoder::{
        ExportKind, ExportSection, Function, NameMap, NameSection, TypeSection, ValType,
    };

    use super::*;

    /// A module whose functions return numbers, the last one that of the first, and their names.
    fn module(functions: &[(&str, i32)]) -> Vec<u8> {
        let (mut types, mut section) = (TypeSection::new(), FunctionSection::new());
        let (mut code, mut names) = (CodeSection::new(), NameMap::new());
        types.ty().function([], [ValType::I32]);
        for (index, (name, number)) in (0..).zip(functions) {
            section.function(0);
            let mut function = Function::new([]);
            if index as usize + 1 == functions.len() {
                function.instructions().call(0);
            } else {
                function.instructions().i32_const(*number);
            }
            function.instructions().end();
            code.function(&function);
            names.append(index, name);
        }
        let mut exports = ExportSection::new();
        exports.export("first", ExportKind::Func, 0);
        let mut name = NameSection::new();
        name.functions(&names);
        let mut module = Module::new();
        module.section(&types).section(&section).section(&exports);
        module.section(&code).section(&name);
        module.finish()
    }

    /// The exported function, and the bodies without their lengths.
    fn parts(module: &[u8]) -> (u32, Vec<Vec<u8>>) {
        let (mut exported, mut bodies) = (None, Vec::new());
        for payload in Parser::new(0).parse_all(module) {
            match payload.unwrap() {
                Payload::ExportSection(section) => {
                    exported = section
                        .into_iter()
                        .next()
                        .map(|export| export.unwrap().index);
                }
                Payload::CodeSectionEntry(body) => bodies.push(body.as_bytes().to_vec()),
                Payload::CustomSection(section) => panic!("there still is {}", section.name()),
                _ => {}
            }
        }
        (exported.unwrap(), bodies)
    }

    #[test]
    fn functions_go_by_name_and_size_and_are_still_what_calls_and_exports_mean() {
        let hash = |name: &str, hash: u64| format!("{name}::h{hash:016x}");
        let (long, short) = (hash("a::push", 1), hash("a::push", 2));
        // The numbers take four bytes, one and one.
        let written = module(&[("z", 0x0fff_ffff), (&long, 5000), (&short, 5), ("m", 0)]);
        let (exported, bodies) = parts(&ordered(&written).unwrap());
        let constant = |bytes: &[u8]| [&[0, 0x41], bytes, &[0x0b]].concat();
        assert_eq!(
            bodies,
            [
                constant(&[5]),
                constant(&[0x88, 0x27]),
                vec![0, 0x10, 3, 0x0b],
                constant(&[0xff, 0xff, 0xff, 0xff, 0]),
            ]
        );
        assert_eq!(exported, 3);
    }

    #[test]
    fn what_is_no_module_is_an_error() {
        assert!(ordered(b"no module").is_err());
    }
}
