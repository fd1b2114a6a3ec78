// Inserts counters into a source, one for each branch, so that the fuzzer sees which way an input has gone.
import ts from "typescript";

export interface Instrumented {
  /** JavaScript. Each branch that is taken increments its element of the array `__hits`. */
  readonly code: string;
  /** The line of each counter. */
  readonly lines: readonly number[];
  /** What the source compares with: its short strings, and its numbers up to 255 as characters. */
  readonly tokens: readonly string[];
}

const LONGEST_TOKEN = 24;

/** `first`: the index of the first counter. */
export function instrument(fileName: string, source: string, first: number): Instrumented {
  const lines: number[] = [];
  const tokens = new Set<string>();
  const { outputText } = ts.transpileModule(source, {
    fileName,
    compilerOptions: {
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.ESNext,
      verbatimModuleSyntax: true,
    },
    transformers: {
      before: [
        (context) => (file) => {
          const counters = new Counters(context, file, first, lines, tokens);
          return ts.visitEachChild(file, counters.visit, context);
        },
      ],
    },
  });
  return { code: outputText, lines, tokens: [...tokens] };
}

const SHORT_CIRCUITS: ReadonlySet<ts.SyntaxKind> = new Set([
  ts.SyntaxKind.AmpersandAmpersandToken,
  ts.SyntaxKind.BarBarToken,
  ts.SyntaxKind.QuestionQuestionToken,
  ts.SyntaxKind.AmpersandAmpersandEqualsToken,
  ts.SyntaxKind.BarBarEqualsToken,
  ts.SyntaxKind.QuestionQuestionEqualsToken,
]);

class Counters {
  readonly #context: ts.TransformationContext;
  readonly #file: ts.SourceFile;
  readonly #first: number;
  readonly #lines: number[];
  readonly #tokens: Set<string>;

  constructor(
    context: ts.TransformationContext,
    file: ts.SourceFile,
    first: number,
    lines: number[],
    tokens: Set<string>,
  ) {
    this.#context = context;
    this.#file = file;
    this.#first = first;
    this.#lines = lines;
    this.#tokens = tokens;
  }

  readonly visit = (node: ts.Node): ts.Node => {
    if (ts.isTypeNode(node) || ts.isImportDeclaration(node)) return node;
    this.#note(node);
    if (ts.isIfStatement(node)) return this.#ifStatement(node);
    if (ts.isFunctionLike(node)) return this.#children(node, "body" in node ? [node.body] : []);
    if (ts.isIterationStatement(node, false)) return this.#children(node, [node.statement]);
    if (ts.isConditionalExpression(node)) return this.#children(node, [node.whenTrue, node.whenFalse]);
    if (ts.isBinaryExpression(node) && SHORT_CIRCUITS.has(node.operatorToken.kind))
      return this.#children(node, [node.right]);
    if (ts.isCatchClause(node)) return this.#children(node, [node.block]);
    const children = this.#children(node, []);
    const { factory } = this.#context;
    if (ts.isCaseClause(children))
      return factory.updateCaseClause(children, children.expression, [
        this.#statement(node),
        ...children.statements,
      ]);
    if (ts.isDefaultClause(children))
      return factory.updateDefaultClause(children, [this.#statement(node), ...children.statements]);
    return children;
  };

  /** Visits the children of a node. Those in `branches` get a counter. */
  #children(node: ts.Node, branches: readonly (ts.Node | undefined)[]): ts.Node {
    const each = (child: ts.Node): ts.Node => {
      if (!branches.includes(child)) return this.visit(child);
      if (ts.isBlock(child) || ts.isStatement(child)) return this.#block(child);
      return this.#expression(child as ts.Expression);
    };
    return ts.visitEachChild(node, each, this.#context);
  }

  #ifStatement(node: ts.IfStatement): ts.Node {
    const { factory } = this.#context;
    return factory.updateIfStatement(
      node,
      this.visit(node.expression) as ts.Expression,
      this.#block(node.thenStatement),
      node.elseStatement === undefined
        ? factory.createBlock([this.#statement(node)])
        : this.#block(node.elseStatement),
    );
  }

  #block(node: ts.Statement): ts.Block {
    const { factory } = this.#context;
    const counter = this.#statement(node);
    const visited = this.visit(node) as ts.Statement;
    if (ts.isBlock(visited)) return factory.updateBlock(visited, [counter, ...visited.statements]);
    return factory.createBlock([counter, visited]);
  }

  #expression(node: ts.Expression): ts.Expression {
    const { factory } = this.#context;
    const counter = this.#counter(node);
    return factory.createParenthesizedExpression(
      factory.createComma(counter, this.visit(node) as ts.Expression),
    );
  }

  #statement(node: ts.Node): ts.Statement {
    return this.#context.factory.createExpressionStatement(this.#counter(node));
  }

  #counter(node: ts.Node): ts.Expression {
    const { factory } = this.#context;
    const index = this.#first + this.#lines.length;
    this.#lines.push(this.#file.getLineAndCharacterOfPosition(node.getStart(this.#file)).line + 1);
    return factory.createPostfixIncrement(
      factory.createElementAccessExpression(factory.createIdentifier("__hits"), index),
    );
  }

  #note(node: ts.Node): void {
    if (ts.isStringLiteralLike(node)) {
      if (node.text !== "" && node.text.length <= LONGEST_TOKEN) this.#tokens.add(node.text);
    } else if (ts.isNumericLiteral(node)) {
      const value = Number(node.text);
      if (value < 256) this.#tokens.add(String.fromCharCode(value));
    }
  }
}
