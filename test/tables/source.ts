// Reads names from the sources and from the tables of the tests, by the compiler's parser: nothing is executed.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";

export const root: string = join(import.meta.dirname, "../..");

/** The text of a file of the repository. */
export function textOf(file: string): string {
  return readFileSync(join(root, file), "utf8");
}

function parse(file: string): ts.SourceFile {
  return ts.createSourceFile(file, textOf(file), ts.ScriptTarget.Latest, true);
}

/** Calls `visit` for a node and everything in it. */
function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node);
  node.forEachChild((child) => walk(child, visit));
}

const isExported = (node: ts.HasModifiers): boolean =>
  node.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) === true;

/** What a file declares under a name. Throws if the file does not declare that name. */
function declared<N extends ts.Node>(
  file: string,
  name: string,
  is: (node: ts.Node) => node is N & { readonly name: ts.Node },
): N {
  let found: N | undefined;
  walk(parse(file), (node) => {
    if (is(node) && node.name.getText() === name) found ??= node;
  });
  if (found === undefined) throw new Error(`${file} declares no ${name}: correct the name in test/tables`);
  return found;
}

type NamedClass = ts.ClassDeclaration & { readonly name: ts.Identifier };
const isNamedClass = (node: ts.Node): node is NamedClass =>
  ts.isClassDeclaration(node) && node.name !== undefined;

function instanceMethods(file: string, className: string): ts.MethodDeclaration[] {
  return declared(file, className, isNamedClass)
    .members.filter(ts.isMethodDeclaration)
    .filter(({ name }) => ts.isIdentifier(name))
    .filter(({ modifiers = [] }) => !modifiers.some(({ kind }) => kind === ts.SyntaxKind.StaticKeyword));
}

/** The names of the methods of a class; without private ones, static ones, accessors and symbols. */
export function methodsOf(file: string, className: string): string[] {
  return [...new Set(instanceMethods(file, className).map(({ name }) => name.getText()))];
}

/** Those of them that take something other than options. */
export function methodsWithArguments(file: string, className: string): string[] {
  const names = instanceMethods(file, className)
    .filter(({ parameters }) => parameters.some(({ type }) => !/^\w*Options$/.test(type?.getText() ?? "")))
    .map(({ name }) => name.getText());
  return [...new Set(names)];
}

/** The functions that a file exports, each with its source. */
export function exportedFunctions(file: string): Map<string, ts.Node> {
  const found = new Map<string, ts.Node>();
  for (const statement of parse(file).statements) {
    if (ts.isFunctionDeclaration(statement) && isExported(statement) && statement.name !== undefined)
      found.set(statement.name.text, statement);
    if (!ts.isVariableStatement(statement) || !isExported(statement)) continue;
    for (const { name, initializer } of statement.declarationList.declarations)
      if (initializer !== undefined && ts.isArrowFunction(initializer))
        found.set(name.getText(), initializer);
  }
  return found;
}

/** The values that an entry exports from the modules whose path matches; no types. */
export function exportsFrom(entry: string, path: RegExp): string[] {
  return parse(entry).statements.flatMap((statement) => {
    if (!ts.isExportDeclaration(statement) || statement.isTypeOnly || statement.exportClause === undefined)
      return [];
    if (!path.test(statement.moduleSpecifier?.getText() ?? "") || !ts.isNamedExports(statement.exportClause))
      return [];
    return statement.exportClause.elements
      .filter(({ isTypeOnly }) => !isTypeOnly)
      .map(({ name }) => name.getText());
  });
}

/** All strings in a piece of source; of a template only its beginning. */
export function stringsIn(node: ts.Node): string[] {
  const found: string[] = [];
  walk(node, (each) => {
    if (ts.isStringLiteralLike(each)) found.push(each.text);
    if (ts.isTemplateHead(each)) found.push(each.text);
  });
  return found;
}

/** The strings in what a constant of a file, or the constants of these names, are set to. */
export function stringsOf(file: string, ...constants: readonly string[]): string[] {
  return constants.flatMap((name) => stringsIn(declared(file, name, ts.isVariableDeclaration)));
}

/** The strings of a union type. */
export function unionOf(file: string, type: string): string[] {
  return stringsIn(declared(file, type, ts.isTypeAliasDeclaration).type);
}

/** The names of the properties of an interface that a folder of the sources declares, with those that it extends there. */
export function propertiesOf(folder: string, type: string): string[] {
  const file = interfaceIn(folder, type);
  if (file === undefined)
    throw new Error(`${folder} has no interface ${type}: correct the name in test/tables`);
  const { members, heritageClauses = [] } = declared(file, type, ts.isInterfaceDeclaration);
  const extended = heritageClauses
    .flatMap(({ types }) => types)
    .map((each) => each.getText())
    .filter((name) => interfaceIn(folder, name) !== undefined);
  return [
    ...members.filter(ts.isPropertySignature).map(({ name }) => name.getText()),
    ...extended.flatMap((name) => propertiesOf(folder, name)),
  ];
}

function interfaceIn(folder: string, type: string): string | undefined {
  if (!/^\w+$/.test(type)) return undefined;
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .map((name) => `${folder}/${name}`)
    .find((name) => name.endsWith(".ts") && new RegExp(`\\binterface ${type}\\b`).test(textOf(name)));
}

/**
 * The methods that are called on a variable of the name `receiver` in what the constants of a file are set to;
 * without constants: anywhere in the file.
 */
export function callsOn(receiver: string, file: string, ...constants: readonly string[]): Set<string> {
  const found = new Set<string>();
  const nodes =
    constants.length === 0
      ? [parse(file)]
      : constants.map((name) => declared(file, name, ts.isVariableDeclaration));
  for (const node of nodes) {
    walk(node, (each) => {
      if (!ts.isCallExpression(each) || !ts.isPropertyAccessExpression(each.expression)) return;
      if (each.expression.expression.getText() === receiver) found.add(each.expression.name.text);
    });
  }
  return found;
}

/**
 * The names in code font in the first column of the tables below a heading; without a heading: of all tables. With
 * `header`: only of the tables whose first column has this header.
 */
export function firstColumn(file: string, heading?: string, header?: string): string[] {
  let current = "";
  return sectionOf(file, heading)
    .split("\n")
    .flatMap((line, index, lines) => {
      const isHeader = /^\|[ -]*-[ -]*\|/.test(lines[index + 1] ?? "");
      const cell = /^\| ?(.*?) ?\|/.exec(line)?.[1];
      if (isHeader) current = cell ?? "";
      const counts = cell !== undefined && !isHeader && (header === undefined || header === current);
      return counts && line.startsWith("| `") ? codeIn(cell) : [];
    });
}

/** The text of a document from a heading to the next one; without a heading: all of it. */
export function sectionOf(file: string, heading?: string): string {
  const text = `\n${textOf(file)}`;
  if (heading === undefined) return text;
  const start = text.indexOf(`\n${heading}\n`);
  if (start === -1) throw new Error(`${file} has no heading "${heading}": correct it in test/tables`);
  const end = text.indexOf("\n#", start + heading.length + 1);
  return text.slice(start, end === -1 ? undefined : end);
}

/** What is in code font; the blocks of code are left out. */
export function codeIn(text: string): string[] {
  return Array.from(
    text.replace(/^```[^]*?^```$/gm, "").matchAll(/`([^`]+)`/g),
    ([, code]) => code as string,
  );
}

/**
 * The properties of type `number` whose comment has the word "milliseconds" or "seconds", in the public interfaces of these
 * names: `file: name`. A time of day is none of them.
 */
export function numbersThatAreTimes(interfaces: RegExp): string[] {
  const found: string[] = [];
  const reports = readdirSync(join(root, "etc")).map((report) => textOf(`etc/${report}`));
  const isPublic = (name: string): boolean => reports.some((each) => each.includes(`interface ${name} `));
  for (const entry of readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })) {
    if (!entry.endsWith(".ts")) continue;
    const file = `src/${entry.replaceAll("\\", "/")}`;
    walk(parse(file), (node) => {
      if (!ts.isPropertySignature(node) || !ts.isInterfaceDeclaration(node.parent)) return;
      const { text } = node.parent.name;
      if (!interfaces.test(text) || !isPublic(text) || !/\bnumber\b/.test(node.type?.getText() ?? "")) return;
      const comment = ts
        .getJSDocCommentsAndTags(node)
        .map((each) => each.getText())
        .join("\n");
      if (/\b(milli)?seconds\b/i.test(comment) && !comment.includes("since 1970"))
        found.push(`${file}: ${node.name.getText()}`);
    });
  }
  return found.sort();
}
