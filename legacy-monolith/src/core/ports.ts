/**
 * The harbours that ReeferDesk knows, by UN/LOCODE. Some cities have two, and some names are not ASCII: both matter to
 * whoever filters by city.
 */

export interface Port {
  /** UN/LOCODE, five characters. */
  readonly code: string;
  readonly city: string;
  readonly country: string;
}

/** Forty ports. The order is fixed: the seed numbers them by it. */
export const ports: readonly Port[] = [
  { code: 'NLRTM', city: 'Rotterdam', country: 'Netherlands' },
  { code: 'NLEUR', city: 'Rotterdam', country: 'Netherlands' },
  { code: 'DEHAM', city: 'Hamburg', country: 'Germany' },
  { code: 'DEBRV', city: 'Bremerhaven', country: 'Germany' },
  { code: 'BEANR', city: 'Antwerpen', country: 'Belgium' },
  { code: 'SEGOT', city: 'Göteborg', country: 'Sweden' },
  { code: 'DKAAR', city: 'Århus', country: 'Denmark' },
  { code: 'NOBGO', city: 'Bergen', country: 'Norway' },
  { code: 'ISREY', city: 'Reykjavík', country: 'Iceland' },
  { code: 'PLGDN', city: 'Gdańsk', country: 'Poland' },
  { code: 'GBFXT', city: 'Felixstowe', country: 'United Kingdom' },
  { code: 'GBSOU', city: 'Southampton', country: 'United Kingdom' },
  { code: 'FRLEH', city: 'Le Havre', country: 'France' },
  { code: 'ESALG', city: 'Algeciras', country: 'Spain' },
  { code: 'ESVLC', city: 'València', country: 'Spain' },
  { code: 'ITGOA', city: 'Genova', country: 'Italy' },
  { code: 'GRPIR', city: 'Πειραιάς', country: 'Greece' },
  { code: 'TRIZM', city: 'İzmir', country: 'Türkiye' },
  { code: 'UAODS', city: 'Одеса', country: 'Ukraine' },
  { code: 'ILHFA', city: 'חיפה', country: 'Israel' },
  { code: 'EGALY', city: 'الإسكندرية', country: 'Egypt' },
  { code: 'MACAS', city: 'Casablanca', country: 'Morocco' },
  { code: 'ZACPT', city: "Cape Town 'Duncan Dock'", country: 'South Africa' },
  { code: 'KEMBA', city: 'Mombasa', country: 'Kenya' },
  { code: 'AEJEA', city: 'Jebel Ali', country: 'United Arab Emirates' },
  { code: 'INNSA', city: 'Nhava Sheva', country: 'India' },
  { code: 'LKCMB', city: 'Colombo', country: 'Sri Lanka' },
  { code: 'SGSIN', city: 'Singapore', country: 'Singapore' },
  { code: 'CNSHA', city: '上海', country: 'China' },
  { code: 'CNYSN', city: '上海', country: 'China' },
  { code: 'HKHKG', city: '香港', country: 'Hong Kong' },
  { code: 'JPTYO', city: '東京', country: 'Japan' },
  { code: 'KRPUS', city: '부산', country: 'South Korea' },
  { code: 'AUSYD', city: 'Sydney', country: 'Australia' },
  { code: 'NZAKL', city: 'Auckland', country: 'New Zealand' },
  { code: 'USOAK', city: 'Oakland', country: 'United States' },
  { code: 'USNYC', city: 'New York & New Jersey', country: 'United States' },
  { code: 'BRSSZ', city: 'Santos', country: 'Brazil' },
  { code: 'CLVAP', city: 'Valparaíso', country: 'Chile' },
  { code: 'ECGYE', city: 'Guayaquil', country: 'Ecuador' },
];
