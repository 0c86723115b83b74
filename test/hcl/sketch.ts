// Draws a syntax tree on one line, with every grouping shown, so that tests can say what a text means.
import type { Body, Expression, SplatExpression, TemplatePart } from '../../hcl/ast.ts';

export function sketchBody(body: Body): string {
  return body.items
    .map((item) => {
      if (item.node === 'attribute') return `${item.name} = ${sketch(item.expression)}`;
      const labels = item.labels.map(({ value, quoted }) => (quoted ? JSON.stringify(value) : value));
      return `${[item.type, ...labels].join(' ')} {${sketchBody(item.body)}}`;
    })
    .join('; ');
}

export function sketch(expression: Expression): string {
  switch (expression.node) {
    case 'literal': {
      const { literal } = expression;
      return literal.kind === 'number'
        ? literal.digits
        : literal.kind === 'bool'
          ? String(literal.value)
          : 'null';
    }
    case 'template':
      return `${expression.form}[${sketchParts(expression.parts)}]`;
    case 'variable':
      return expression.name;
    case 'attribute-access':
      return `${sketch(expression.object)}.${expression.name}`;
    case 'index':
      return `${sketch(expression.object)}${expression.legacy ? '.' : ''}[${sketch(expression.key)}]`;
    case 'splat':
      return `<${sketch(expression.source)}${expression.form === 'full' ? '[*]' : '.*'}${expression.each.map(sketchStep).join('')}>`;
    case 'call':
      return `${expression.name}(${expression.arguments.map(sketch).join(', ')}${expression.expand ? '...' : ''})`;
    case 'tuple':
      return `[${expression.items.map(sketch).join(', ')}]`;
    case 'object':
      return `{${expression.items.map((item) => `${item.bareKey ?? `(${sketch(item.key)})`}: ${sketch(item.value)}`).join(', ')}}`;
    case 'for': {
      const names = [expression.keyName, expression.valueName].filter((name) => name !== null).join(', ');
      const key = expression.key === null ? '' : `${sketch(expression.key)} => `;
      const condition = expression.condition === null ? '' : ` if ${sketch(expression.condition)}`;
      const inner = `for ${names} in ${sketch(expression.collection)} : ${key}${sketch(expression.value)}${expression.group ? '...' : ''}${condition}`;
      return expression.form === 'tuple' ? `[${inner}]` : `{${inner}}`;
    }
    case 'conditional':
      return `(${sketch(expression.condition)} ? ${sketch(expression.then)} : ${sketch(expression.otherwise)})`;
    case 'unary':
      return `(${expression.operator}${sketch(expression.operand)})`;
    case 'binary':
      return `(${sketch(expression.left)} ${expression.operator} ${sketch(expression.right)})`;
    case 'parentheses':
      return `((${sketch(expression.inner)}))`;
    case 'invalid':
      return '?';
  }
}

function sketchStep(step: SplatExpression['each'][number]): string {
  if (step.step === 'attribute') return `.${step.name}`;
  if (step.step === 'index') return `${step.legacy ? '.' : ''}[${sketch(step.key)}]`;
  return step.form === 'full' ? '[*]' : '.*';
}

export function sketchParts(parts: readonly TemplatePart[]): string {
  return parts
    .map((part) => {
      switch (part.part) {
        case 'text':
          return JSON.stringify(part.value);
        case 'interpolation':
          return sketch(part.expression);
        case 'if': {
          const otherwise = part.otherwise === null ? '' : ` else ${sketchParts(part.otherwise)}`;
          return `if ${sketch(part.condition)} then ${sketchParts(part.then)}${otherwise} end`;
        }
        case 'for':
          return `for ${part.key === null ? '' : `${part.key}, `}${part.value} in ${sketch(part.collection)} do ${sketchParts(part.body)} end`;
      }
    })
    .join(' ');
}
