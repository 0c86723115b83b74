// The tables of migration 10 as kysely sees them.

export interface OutputMarksTable {
  action: string;
  ended_at: number;
  run: string;
}

export interface RetentionTables {
  output_marks: OutputMarksTable;
}
