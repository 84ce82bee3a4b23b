//! Transactions, their parallel execution, blocks and receipts.
