// Reads the source with the compiler and finds each word that gets into the message of an error without being
// made safe: a hole that is not a literal, a number, one of our own words, or the result of a function that makes
// text safe. Follows constants, parameters and the results of functions.
import { relative } from "node:path";
import ts from "typescript";

export interface Rules {
  /** Functions that make any text safe. */
  readonly safe: ReadonlySet<string>;
  /** Our own words: `Interface.property`. */
  readonly own: ReadonlySet<string>;
  /** Errors that make what they are given safe by themselves. */
  readonly errors: ReadonlySet<string>;
}

/** Returns `file:line: text` for each word that no rule allows. */
export function unsafeWords(files: readonly string[], rules: Rules): string[] {
  const program = ts.createProgram(files, {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    lib: ["lib.es2023.d.ts", "lib.esnext.disposable.d.ts"],
    allowImportingTsExtensions: true,
    noEmit: true,
    strict: true,
    types: ["node"],
    skipLibCheck: true,
  });
  const sources = files.map((file) => program.getSourceFile(file) as ts.SourceFile);
  return new Search(program.getTypeChecker(), sources, rules).run();
}

/** Methods of strings and arrays whose result is as safe as what they are called on, and their arguments. */
const PASSING: ReadonlySet<string> = new Set(
  "join slice split trim toUpperCase toLowerCase filter sort toSorted padStart padEnd replace replaceAll at flat concat keys values".split(
    " ",
  ),
);

class Search {
  readonly #checker: ts.TypeChecker;
  readonly #sources: readonly ts.SourceFile[];
  readonly #rules: Rules;
  /** The calls of each function of ours. */
  readonly #calls = new Map<ts.Node, (ts.CallExpression | ts.NewExpression)[]>();
  /** The parameters that get into a message, and where they do. */
  readonly #parameters = new Map<ts.ParameterDeclaration, Set<ts.Expression>>();
  readonly #open: ts.ParameterDeclaration[] = [];
  /** Where the argument that is examined gets into a message. */
  #places: Iterable<ts.Expression> | undefined;
  readonly #active = new Set<ts.Node>();
  readonly #found = new Set<string>();

  constructor(checker: ts.TypeChecker, sources: readonly ts.SourceFile[], rules: Rules) {
    this.#checker = checker;
    this.#sources = sources;
    this.#rules = rules;
  }

  run(): string[] {
    const errors: ts.Expression[] = [];
    const visit = (node: ts.Node): void => {
      if (ts.isCallExpression(node) || ts.isNewExpression(node)) {
        const declaration = this.#checker.getResolvedSignature(node)?.declaration;
        if (declaration !== undefined) {
          const calls = this.#calls.get(declaration) ?? [];
          calls.push(node);
          this.#calls.set(declaration, calls);
        }
        if (this.#makesError(node)) errors.push(...messagesOf(node));
      }
      ts.forEachChild(node, visit);
    };
    for (const source of this.#sources) visit(source);
    for (const message of errors) this.#check(message);
    for (let parameter = this.#open.pop(); parameter !== undefined; parameter = this.#open.pop()) {
      const { parent } = parameter;
      const index = parent.parameters.indexOf(parameter);
      for (const call of this.#calls.get(parent) ?? []) {
        const argument = call.arguments?.[index];
        if (argument === undefined) continue;
        // An unsafe argument is reported at its use in the message: it may be used for something else as well.
        const places = this.#parameters.get(parameter);
        this.#places = ts.isIdentifier(argument) ? places : undefined;
        const unsafe = this.#unsafe(argument);
        this.#places = undefined;
        const isWritten = ts.isTemplateExpression(argument);
        for (const part of unsafe) this.#report(isWritten ? [part] : [...(places ?? [])]);
      }
    }
    return [...this.#found].toSorted();
  }

  #makesError(node: ts.CallExpression | ts.NewExpression): boolean {
    if (ts.isNewExpression(node)) {
      const name = node.expression.getText();
      return name.endsWith("Error") && !this.#rules.errors.has(name);
    }
    if (node.expression.kind !== ts.SyntaxKind.SuperKeyword) return false;
    return enclosingBase(node).endsWith("Error");
  }

  /** Reports each part of a message that is not safe. */
  #check(expression: ts.Expression): void {
    this.#report(this.#unsafe(expression));
  }

  #report(parts: readonly ts.Expression[]): void {
    for (const part of parts) {
      const source = part.getSourceFile();
      const { line } = source.getLineAndCharacterOfPosition(part.getStart());
      const file = relative(process.cwd(), source.fileName).replaceAll("\\", "/");
      this.#found.add(`${file}:${String(line + 1)}: ${part.getText()}`);
    }
  }

  #unsafe(expression: ts.Expression): ts.Expression[] {
    if (
      ts.isParenthesizedExpression(expression) ||
      ts.isAsExpression(expression) ||
      ts.isNonNullExpression(expression)
    )
      return this.#unsafe(expression.expression);
    if (this.#isPlain(this.#checker.getTypeAtLocation(expression))) return [];
    if (expression.kind === ts.SyntaxKind.ThisKeyword) return [];
    if (ts.isTemplateExpression(expression))
      return expression.templateSpans.flatMap((span) => this.#unsafe(span.expression));
    if (ts.isConditionalExpression(expression))
      return [...this.#unsafe(expression.whenTrue), ...this.#unsafe(expression.whenFalse)];
    if (ts.isBinaryExpression(expression))
      return [...this.#unsafe(expression.left), ...this.#unsafe(expression.right)];
    if (ts.isArrayLiteralExpression(expression))
      return expression.elements.flatMap((each) => this.#unsafe(each));
    if (ts.isSpreadElement(expression) || ts.isAwaitExpression(expression))
      return this.#unsafe(expression.expression);
    if (ts.isCallExpression(expression)) return this.#call(expression);
    if (ts.isArrowFunction(expression) || ts.isFunctionExpression(expression))
      return this.#results(expression);
    if (ts.isIdentifier(expression)) return this.#named(expression);
    if (ts.isPropertyAccessExpression(expression))
      return this.#isOwn(expression.name) || this.#isOfOurError(expression) ? [] : [expression];
    if (ts.isElementAccessExpression(expression)) return this.#unsafe(expression.expression);
    return [expression];
  }

  /** Whether no value of the type is a word: it is a number, an object, or a literal of our own. */
  #isPlain(type: ts.Type): boolean {
    if (type.isUnion()) return type.types.every((each) => this.#isPlain(each));
    if (this.#checker.isArrayLikeType(type)) {
      const element = this.#checker.getIndexTypeOfType(type, ts.IndexKind.Number);
      return element !== undefined && this.#isPlain(element);
    }
    const { Any, Unknown, String, TemplateLiteral, TypeParameter } = ts.TypeFlags;
    return (type.flags & (Any | Unknown | String | TemplateLiteral | TypeParameter)) === 0;
  }

  #call(call: ts.CallExpression): ts.Expression[] {
    const callee = call.expression;
    const name = ts.isPropertyAccessExpression(callee) ? callee.name.text : callee.getText();
    if (this.#rules.safe.has(name)) return [];
    if (ts.isPropertyAccessExpression(callee) && this.#isOwn(callee.name)) return [];
    // The names of the options in a table of ours.
    if (name === "keys" && /^[A-Z_]+$/.test(call.arguments[0]?.getText() ?? "")) return [];
    if (name === "String") return call.arguments.flatMap((each) => this.#unsafe(each));
    if (ts.isPropertyAccessExpression(callee)) {
      if (PASSING.has(name)) {
        const rest =
          name === "filter" ? [] : call.arguments.filter((each) => !ts.isRegularExpressionLiteral(each));
        return [callee.expression, ...rest].flatMap((each) => this.#unsafe(each));
      }
      if (name === "map" || name === "flatMap") return call.arguments.flatMap((each) => this.#unsafe(each));
    }
    const declaration = this.#checker.getResolvedSignature(call)?.declaration;
    if (declaration !== undefined && this.#isOurs(declaration)) return this.#results(declaration);
    return [call];
  }

  /** Returns the unsafe results of a function. */
  #results(declaration: ts.Node): ts.Expression[] {
    if (this.#active.has(declaration)) return [];
    this.#active.add(declaration);
    const { body } = declaration as ts.FunctionLikeDeclaration;
    const results: ts.Expression[] = [];
    if (body !== undefined && !ts.isBlock(body)) results.push(...this.#unsafe(body));
    else if (body !== undefined) {
      const visit = (node: ts.Node): void => {
        if (ts.isReturnStatement(node) && node.expression !== undefined)
          results.push(...this.#unsafe(node.expression));
        if (!ts.isFunctionLike(node)) ts.forEachChild(node, visit);
      };
      ts.forEachChild(body, visit);
    }
    this.#active.delete(declaration);
    return results;
  }

  #named(identifier: ts.Identifier): ts.Expression[] {
    const declaration = this.#checker.getSymbolAtLocation(identifier)?.declarations?.[0];
    return declaration === undefined ? [identifier] : this.#declared(declaration, identifier);
  }

  #declared(declaration: ts.Node, identifier: ts.Identifier): ts.Expression[] {
    if (ts.isImportSpecifier(declaration)) {
      const symbol = this.#checker.getAliasedSymbol(
        this.#checker.getSymbolAtLocation(identifier) as ts.Symbol,
      );
      const original = symbol.declarations?.[0];
      return original === undefined ? [identifier] : this.#declared(original, identifier);
    }
    if (ts.isFunctionDeclaration(declaration)) return this.#results(declaration);
    if (this.#active.has(declaration)) return [];
    if (ts.isParameter(declaration)) {
      // The parameter of a callback is an element of what the callback is for.
      if (!ts.isIdentifier(declaration.name)) return [identifier];
      const owner = declaration.parent;
      if (ts.isArrowFunction(owner) && ts.isCallExpression(owner.parent)) {
        const { expression } = owner.parent;
        if (ts.isPropertyAccessExpression(expression) && /^(?:map|flatMap)$/.test(expression.name.text))
          return this.#unsafe(expression.expression);
      }
      // The arguments of our errors are all messages that are looked at.
      if (ts.isConstructorDeclaration(owner) && (owner.parent.name?.text ?? "").endsWith("Error")) return [];
      const places = this.#parameters.get(declaration) ?? new Set();
      const before = places.size;
      for (const place of this.#places ?? [identifier]) places.add(place);
      this.#parameters.set(declaration, places);
      if (places.size > before) this.#open.push(declaration);
      return [];
    }
    this.#active.add(declaration);
    try {
      if (ts.isVariableDeclaration(declaration)) {
        const loop = declaration.parent.parent;
        const value = declaration.initializer ?? (ts.isForOfStatement(loop) ? loop.expression : undefined);
        return value !== undefined && this.#unsafe(value).length === 0 ? [] : [identifier];
      }
      if (ts.isBindingElement(declaration) && ts.isArrayBindingPattern(declaration.parent)) {
        const whole = declaration.parent.parent;
        const value = ts.isVariableDeclaration(whole) ? whole.initializer : undefined;
        return value !== undefined && this.#unsafe(value).length === 0 ? [] : [identifier];
      }
      if (ts.isBindingElement(declaration)) {
        const property = (declaration.propertyName ?? declaration.name) as ts.Node;
        return this.#isOwn(property, declaration) ? [] : [identifier];
      }
    } finally {
      this.#active.delete(declaration);
    }
    return [identifier];
  }

  /** Whether a property, as in `a.b` or `{ b }`, is one of our own words. */
  #isOwn(name: ts.Node, element?: ts.BindingElement): boolean {
    const symbol =
      element === undefined
        ? this.#checker.getSymbolAtLocation(name)
        : this.#checker.getTypeAtLocation(element.parent).getProperty(name.getText());
    const declaration = symbol?.declarations?.[0];
    const owner = declaration?.parent as (ts.Node & { readonly name?: ts.Identifier }) | undefined;
    return this.#rules.own.has(`${owner?.name?.text ?? "?"}.${symbol?.name ?? "?"}`);
  }

  /** Whether it is the message or the text of an error of ours, which was checked where the error is created. */
  #isOfOurError({ name, expression }: ts.PropertyAccessExpression): boolean {
    const type = this.#checker.getNonNullableType(this.#checker.getTypeAtLocation(expression));
    const types = type.isUnion() ? type.types : [type];
    const isOurs = (each: ts.Type): boolean | undefined =>
      (each.isIntersection() ? each.types : [each]).some((part) =>
        part.getSymbol()?.declarations?.some((each) => this.#sources.includes(each.getSourceFile())),
      );
    return /^(?:message|text)$/.test(name.text) && types.every(isOurs);
  }

  #isOurs(declaration: ts.Node): boolean {
    return this.#sources.includes(declaration.getSourceFile()) && "body" in declaration;
  }
}

/** The arguments that are words of the message, or of the parts of an error that are shown. */
function messagesOf(node: ts.CallExpression | ts.NewExpression): ts.Expression[] {
  return [...(node.arguments ?? [])];
}

function enclosingBase(node: ts.Node): string {
  const type = ts.findAncestor(node, ts.isClassDeclaration);
  return type?.heritageClauses?.[0]?.types[0]?.expression.getText() ?? "";
}
