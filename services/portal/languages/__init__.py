"""What pages say, in French and in the languages of catalogues: sentences, spaces, dates, money."""
