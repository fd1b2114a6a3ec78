// Reads the commands, files and units of a guide, so that a test can follow it as a user would.
import { readFile } from "node:fs/promises";

/** A code block. */
interface Fenced {
  readonly language: string;
  readonly text: string;
}

/** A section of a guide: its heading, and its code blocks. */
export class Section {
  readonly #blocks: readonly Fenced[];

  constructor(blocks: readonly Fenced[]) {
    this.#blocks = blocks;
  }

  /** The text of the only block in this language. Throws if there is another number of them. */
  block(language: string): string {
    const [found, ...more] = this.#blocks.filter((block) => block.language === language);
    if (found === undefined || more.length > 0)
      throw new Error(`${more.length + (found === undefined ? 0 : 1)} blocks of "${language}"`);
    return found.text;
  }

  /** The arguments of each command `popwright` in the shell blocks. */
  get commands(): string[][] {
    return this.#lines().flatMap((line) => {
      const [, words] = /(?:^|\s)popwright (?!--now)(.*)$/.exec(line) ?? [];
      return words === undefined || /^(?:npm|systemctl|journalctl) /.test(line) ? [] : [words.split(" ")];
    });
  }

  /** The variables that the shell blocks export. */
  get variables(): string[] {
    return this.#lines().flatMap((line) => /^export (\w+)=/.exec(line)?.slice(1) ?? []);
  }

  #lines(): string[] {
    return this.#blocks.filter(({ language }) => language === "sh").flatMap(({ text }) => text.split("\n"));
  }
}

/** Reads the sections of a guide by their headings. */
export async function sectionsOf(file: string): Promise<ReadonlyMap<string, Section>> {
  const text = await readFile(file, "utf8");
  const sections = new Map<string, Section>();
  for (const part of text.split(/^#+ /m).slice(1)) {
    const [heading = ""] = part.split("\n", 1);
    const blocks = [...part.matchAll(/^```(\w*)\n(.*?)^```$/gms)].map(([, language = "", code = ""]) => ({
      language,
      text: code,
    }));
    sections.set(heading, new Section(blocks));
  }
  return sections;
}
