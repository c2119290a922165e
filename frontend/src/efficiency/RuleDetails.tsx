import { useSite } from "../api/useLive";
import { count, percent } from "../lib/format";
import type { Rule } from "../lib/rules";
import { glossary, infix } from "../lib/words";

/** How a rule judges: its formulas, the settings they name, and for how long it must hold. */
export function RuleDetails({ rule }: { rule: Rule }) {
  const { settings } = useSite();
  const minutes = count(settings.warningWindow / 60);
  return (
    <details className="rule">
      <summary>
        How is this judged?<span className="sr"> {rule.title}</span>
      </summary>
      <div>
        <p>
          At each snapshot {rule.of === "job" ? "of each node of the job" : "of the node"} it is looked whether{" "}
          <code>{infix(rule.when)}</code>. The warning is shown when that was so in more than{" "}
          {percent(100 * settings.warningFraction)} of the snapshots of the last {minutes} minutes. What is not known
          does not count.
          {rule.of === "job" && ` A job is left alone for its first ${count(settings.graceTime)} minutes.`}
        </p>
        <p>
          Weight, in {rule.unit}: <code>{infix(rule.score)}</code>
        </p>
        {rule.waste && (
          <p>
            Cost, in {rule.waste.unit} per hour: <code>{infix(rule.waste.formula)}</code>
          </p>
        )}
        <dl>
          {glossary(rule, settings).map(({ name, meaning }) => (
            <div key={name}>
              <dt>
                <code>{name}</code>
              </dt>
              <dd>{meaning}</dd>
            </div>
          ))}
        </dl>
      </div>
    </details>
  );
}
