/** Drops flows or points by rules, and counts what each rule took. What it keeps is unchanged. */

import { defineProcessor, type Host, type Processor } from '../../core/component/define.ts';
import { WeirError } from '../../core/errors.ts';
import { createDropper, type Drops } from '../../core/table/drop-rows.ts';
import type { FlowTable } from '../../core/table/flow-table.ts';
import type { MetricTable } from '../../core/table/metric-table.ts';
import type { Rows } from '../../core/table/row-verdicts.ts';
import { placesOf, selectRows } from '../../core/table/select-rows.ts';
import {
  attributesOfFlows,
  attributesOfPoints,
  rowsOfFlows,
  rowsOfPoints,
  selectPoints,
} from '../../core/table/table-rows.ts';
import { conditionsOf, type ErrorMode, elsewhere, type FilterConfig, problemsOf, schema } from './config.ts';
import { createCounters } from './counters.ts';
import { conditionRule, globRule, type Rule, type TableFacts } from './rules.ts';

/** A rule of the configuration. */
interface ConfiguredRule extends Rule {
  /** Its path below the processor: the label of its counters. */
  readonly id: string;
  /** As the configuration has it. */
  readonly text: string;
  readonly errorMode: ErrorMode;
}

export default defineProcessor<FilterConfig>({
  type: 'filter',
  stability: 'alpha',
  description: 'Drops flows or points by their attributes.',
  needs: [],
  adds: [],
  consumes: (config) => (rulesOf(config).some(({ needsMetrics }) => needsMetrics) ? 'metrics' : 'both'),
  produces: 'same',
  config: schema,
  elsewhere,
  validate: problemsOf,
  create,
});

function rulesOf(config: FilterConfig): readonly ConfiguredRule[] {
  const globs = [...config.network].map(([key, { match, not_match }]): ConfiguredRule => {
    const kind = match === '' ? 'not_match' : 'match';
    const glob = match === '' ? not_match : match;
    const text = `${key}: {${kind}: ${glob}}`;
    return { ...globRule(key, kind, glob), id: `network::${key}`, text, errorMode: 'silent' };
  });
  const conditions = conditionsOf(config).map(({ path, text, context, errorMode }): ConfiguredRule => {
    return { ...conditionRule(text, context), id: path.join('::'), text, errorMode };
  });
  return [...globs, ...conditions];
}

function create(config: FilterConfig, host: Host): Processor {
  const { logger } = host;
  const rules = rulesOf(config);
  for (const block of ['application', 'stats'] as const) {
    for (const attribute of config[block].keys()) {
      logger.warn('filter has a rule for metrics that this build does not have: it decides nothing', {
        rule: `${block}::${attribute}`,
      });
    }
  }
  for (const { id, unknownAttributes } of rules) {
    for (const attribute of unknownAttributes) {
      logger.warn('filter asks for an attribute that is not in the catalogue', { rule: id, attribute });
    }
  }
  const counters = createCounters(
    host,
    rules.map(({ id }) => id),
  );
  const dropper = createDropper<TableFacts>(rules.map(({ questions }) => questions));
  const warnOfUnfilled = createWarning(rules, host);

  const apply = (rows: Rows, facts: TableFacts, measures: readonly Float64Array[]): Drops => {
    warnOfUnfilled(rows);
    const drops = dropper(rows, facts, measures);
    counters.failed(drops);
    for (const [at, { failed }] of drops.byRule.entries()) if (failed > 0) handleFailure(rules[at]!, failed, host);
    return drops;
  };

  // Of its own: its rows are counted by no one.
  const asked = createDropper<TableFacts>(rules.map(({ questions }) => questions));
  const reason = (table: FlowTable | MetricTable, row: number): string | undefined => {
    const one = Uint32Array.of(row);
    const { byRule } =
      table.kind === 'flows'
        ? asked(rowsOfFlows(selectRows(table, one)), factsOfFlows(table), [])
        : asked(rowsOfPoints(selectPoints(table, one)), factsOfPoints(selectPoints(table, one)), []);
    const rule = rules[byRule.findIndex(({ rows }) => rows > 0)];
    return rule === undefined ? `passes ${rules.map(({ id }) => id).join(', ')}` : `${rule.id}: ${rule.text}`;
  };

  return {
    explain: { reason },
    flows(table) {
      const drops = apply(rowsOfFlows(table), factsOfFlows(table), [table.measures.bytes, table.measures.packets]);
      counters.flows(drops);
      if (drops.dropped.length === 0) return [table];
      const places = placesOf(table, drops.dropped);
      return [selectRows(table, drops.kept), { kind: 'filtered', reason: 'rule', places }];
    },
    metrics: (tables) =>
      tables.flatMap((table) => {
        const drops = apply(rowsOfPoints(table), factsOfPoints(table), []);
        counters.points(drops);
        if (drops.dropped.length === 0) return [table];
        return drops.kept.length === 0 ? [] : [selectPoints(table, drops.kept)];
      }),
  };
}

const factsOfFlows = (table: FlowTable): TableFacts => ({
  resource: table.resource,
  scope: table.scope,
  attributeNames: attributesOfFlows(table),
});

const factsOfPoints = (table: MetricTable): TableFacts => ({
  resource: table.resource,
  scope: table.scope,
  table,
  attributeNames: attributesOfPoints(table),
});

function handleFailure({ id, text, errorMode, failure }: ConfiguredRule, rows: number, { logger }: Host): void {
  if (errorMode === 'propagate') {
    throw new WeirError('pipeline/failed', `failed to evaluate the condition ${id}: ${text}: ${failure()}`, {
      fix: 'mend the condition, or set error_mode: ignore',
    });
  }
  if (errorMode === 'ignore')
    logger.warn('failed to eval condition', { rule: id, condition: text, rows, error: failure() });
}

/** Says once about each attribute that a rule names and no table has: it is as if it were empty in every row. */
function createWarning(rules: readonly ConfiguredRule[], { logger }: Host): (rows: Rows) => void {
  const pending = rules.flatMap(({ id, attributes }) => attributes.map((attribute) => ({ rule: id, attribute })));
  return (rows) => {
    for (const one of pending.splice(0)) {
      if (rows.column(one.attribute) !== undefined) continue;
      logger.warn('filter asks for an attribute that nothing before it fills: it is absent from every row', one);
    }
  };
}
