"""Tables and charts of one training, made up: loss and accuracy over 20 epochs."""

import numpy as np
import pandas as pd
import streamlit as st
from matplotlib.figure import Figure

epoch = np.arange(1, 21)
curves = pd.DataFrame({"train": 2 / epoch, "valid": 0.3 + 1.7 / epoch}, index=epoch)
last = curves.iloc[-1]

loss = f"{last['valid']:.2f}"
st.metric("validation loss", loss, delta="-0.01", delta_color="inverse")
st.dataframe(curves)  # scrolls, sorts, can be downloaded
st.table(curves.tail(3))  # stands still
st.json({"epochs": 20, "optimizer": {"name": "SGD", "lr": 0.1}})

st.line_chart(curves, x_label="epoch", y_label="loss")
st.area_chart(curves["train"])
st.bar_chart(pd.Series({"cat": 3, "dog": 5}, name="pictures"))
st.scatter_chart(curves, x="train", y="valid")

figure = Figure(figsize=(5, 2.5), layout="constrained")  # not plt: apps have threads
axes = figure.subplots()
axes.plot(curves.index, curves["valid"])
axes.set(xlabel="epoch", ylabel="validation loss")
st.pyplot(figure)

st.vega_lite_chart(
    curves.reset_index(names="epoch"),
    {
        "mark": "point",
        "encoding": {
            "x": {"field": "epoch", "type": "quantitative"},
            "y": {"field": "valid", "type": "quantitative"},
        },
    },
)

if st.checkbox("Show a map (its streets come from another host)"):
    st.map(pd.DataFrame({"lat": [48.86, 39.90], "lon": [2.35, 116.40]}))
