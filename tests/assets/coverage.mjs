/* Reporter of node --test: the lines that unit tests run, and a failure where there are too few. */

const LEAST = 85;
const HELD = [/assets\/values\/[\w-]+\.mjs$/, /assets\/picture\/(frame|traces|emphasis)\.mjs$/];

export default async function* report(source) {
  for await (const { type, data } of source) {
    if (type !== "test:coverage") continue;
    const files = data.summary.files.filter(({ path }) => path.includes("/assets/") && !path.includes("/tests/"));
    for (const { path, coveredLinePercent } of files) {
      const name = path.slice(path.indexOf("assets/"));
      const isLow = HELD.some((place) => place.test(path)) && coveredLinePercent < LEAST;
      if (isLow) process.exitCode = 1;
      yield `${coveredLinePercent.toFixed(1).padStart(5)} % of the lines of ${name}${isLow ? `: less than ${LEAST} %` : ""}\n`;
    }
  }
}
